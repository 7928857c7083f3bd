use std::io;
use std::rc::Rc;

use super::{Batch, DatagramPort, DatagramQueue, UdpOption};
#[cfg(unix)]
use crate::inherited::handed::Asked;
use crate::{Address, ListenError, SendError, UdpError};

/// What a kind of datagram port supplies: UDP, UNIX sockets, or a network in memory.
///
/// `receive` and `send` never block: `WouldBlock` means that [`DatagramPort::ready`] will be called
/// when it is worth trying again.
pub(crate) trait DatagramWire: Sized + 'static {
    /// Whether a refusal is about the datagram that meets it. Where it is ICMP's answer, it is about an
    /// earlier one.
    const REFUSES_AT_ONCE: bool = false;

    /// Whether a send that would block, to an address of its own, says that this receiver is full, and
    /// nothing of others.
    const RECEIVERS_FILL: bool = false;

    /// Opens the port, or opens it again on the same address; returns where it listens and who it is
    /// connected to.
    fn open(&self, port: &Rc<DatagramPort<Self>>) -> Result<Opened, ListenError>;

    /// Nothing is called after this until it is opened again.
    fn close(&self);

    /// How the port was asked for, if the program that replaces this one can take its socket over.
    #[cfg(unix)]
    fn asked(&self) -> Option<Asked> {
        None
    }

    /// A copy of what its file is locked with.
    #[cfg(unix)]
    fn lock(&self) -> Option<io::Result<std::os::fd::OwnedFd>> {
        None
    }

    /// A duplicate of the descriptor, if there is one and it is open.
    #[cfg(unix)]
    fn duplicate(&self) -> Option<io::Result<std::os::fd::OwnedFd>> {
        None
    }

    /// Receives up to `most` datagrams into the batch, each up to `longest` bytes and one more. True
    /// if there may be others; if not, what comes later calls [`DatagramPort::ready`].
    fn receive(&self, batch: &mut Batch, most: usize, longest: usize) -> io::Result<bool>;

    /// Hands datagrams from the front of the queue to the system; returns how many it has taken, and
    /// the error of the first that it has not.
    fn send(&self, queue: &DatagramQueue) -> (usize, Option<io::Error>);

    /// From now on, call [`DatagramPort::ready`] when a send is worth trying; or no longer.
    fn watch_writable(&self, watch: bool) -> io::Result<()>;

    /// Call [`DatagramPort::ready`] in the next pass: there may be more to receive.
    fn look_again(&self);

    /// The destination as the wire wants it, if it can be one for this length at all.
    fn destination(&self, to: &Address, length: usize) -> Result<Address, SendError>;

    /// What an error of a send means, for a datagram of this length.
    fn send_error(&self, error: io::Error, length: usize) -> SendError;

    /// Whether what comes from there, to the connected port, comes from its peer.
    fn is_from_peer(&self, peer: &Address, from: &Address) -> bool {
        is_same_place(peer, from)
    }

    /// Connects the port; returns where it listens then.
    fn connect(&self, to: &Address) -> Result<Opened, UdpError>;

    /// Changes a setting of the open port.
    fn set(&self, option: UdpOption) -> Result<(), UdpError>;
}

/// Whether datagrams to the two addresses go to the same place.
pub(super) fn is_same_place(one: &Address, other: &Address) -> bool {
    match (one.socket(), other.socket()) {
        // The scope, where there is one, need not be said.
        (Some(one), Some(other)) => (one.ip(), one.port()) == (other.ip(), other.port()),
        _ => one == other,
    }
}

/// The addresses of an open port.
pub(crate) struct Opened {
    pub(crate) host: Address,
    pub(crate) peer: Option<Address>,
}
