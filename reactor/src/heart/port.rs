use std::cell::RefCell;
use std::fmt;
use std::rc::{Rc, Weak};

use slab::Slab;

#[cfg(unix)]
use crate::heart::duplicate::lend;
use crate::{Address, ListenError, PortStats, Refused};

/// A port that is listened on. A cheap, weak handle: dropping it leaves the port open.
///
/// The reactor owns the port. A factory may keep the handle to its own port.
#[doc(alias = "IListeningPort")]
#[derive(Clone)]
pub struct ListeningPort {
    port: Rc<PortRef>,
}

/// What the handles to one port share.
struct PortRef {
    port: Weak<dyn Listening>,
    /// The address, for when the port has gone.
    address: Address,
    kept: Weak<KeptPorts>,
    key: usize,
}

/// The ports of a reactor that have a handle, which may start them again when they are stopped.
///
/// The reactor owns them, and not their handles: a factory may keep the handle to its own port.
#[derive(Default)]
pub(crate) struct KeptPorts {
    ports: RefCell<Slab<Rc<dyn Listening>>>,
}

impl KeptPorts {
    /// All of them.
    pub(crate) fn all(&self) -> Vec<Rc<dyn Listening>> {
        let ports = self.ports.borrow();
        ports.iter().map(|(_, port)| port.clone()).collect()
    }

    /// The reactor has ended: no port can be started.
    pub(crate) fn clear(&self) {
        let ports = self.ports.take();
        drop(ports);
    }
}

/// The last handle has gone.
impl Drop for PortRef {
    fn drop(&mut self) {
        if let Some(kept) = self.kept.upgrade() {
            let port = kept.ports.borrow_mut().try_remove(self.key);
            drop(port);
        }
    }
}

/// What a kind of port supplies.
pub(crate) trait Listening {
    fn start(&self) -> Result<(), ListenError>;
    fn stop(&self);
    fn is_listening(&self) -> bool;
    fn pause(&self);
    fn resume(&self);
    fn address(&self) -> Address;
    /// How many connections that it accepted have not ended. A port of datagrams has none.
    fn connections(&self) -> usize {
        0
    }
    /// The port as it is now.
    fn stats(&self) -> PortStats;
    /// A duplicate of its descriptor, if it has one and it is open.
    #[cfg(unix)]
    fn duplicate(&self) -> Option<std::io::Result<std::os::fd::OwnedFd>> {
        None
    }
}

impl PortStats {
    /// What every port knows of itself.
    pub(crate) fn of(port: &dyn Listening) -> Self {
        PortStats {
            listening: port.is_listening(),
            connections: port.connections(),
            ..PortStats::at(port.address())
        }
    }

    /// A port of which nothing more is known.
    fn at(address: Address) -> Self {
        PortStats {
            address,
            listening: false,
            paused: false,
            connections: 0,
            accepted: 0,
            refused: Refused::default(),
        }
    }
}

impl ListeningPort {
    /// The first handle to a port that listens.
    pub(crate) fn new(port: Rc<dyn Listening>, kept: &Rc<KeptPorts>) -> Self {
        ListeningPort {
            port: Rc::new(PortRef {
                port: Rc::downgrade(&port),
                address: port.address(),
                key: kept.ports.borrow_mut().insert(port),
                kept: Rc::downgrade(kept),
            }),
        }
    }

    /// The address that it listens on: with the real port, if port 0 was asked for. It stays the same
    /// when the port has been stopped.
    #[doc(alias = "getHost")]
    pub fn address(&self) -> Address {
        match self.port() {
            Some(port) => port.address(),
            None => self.port.address.clone(),
        }
    }

    /// Closes the port. The connections that it accepted live on, and those that wait in the system's
    /// queue are accepted in a later turn, up to
    /// [`max_accepts_on_stop`](crate::TcpListen::max_accepts_on_stop) of them. Then the factory hears
    /// `stop_factory`, if this was its last port. Stopping twice does nothing.
    #[doc(alias = "stopListening")]
    pub fn stop_listening(&self) {
        if let Some(port) = self.port() {
            port.stop();
        }
    }

    /// Listens again, on the same address (and the same port, if the system chose it).
    #[doc(alias = "startListening")]
    pub fn start_listening(&self) -> Result<(), ListenError> {
        self.port().ok_or(ListenError::ReactorGone)?.start()
    }

    /// Accepts no connections for a while. They wait in the system's queue, up to the
    /// [`backlog`](crate::TcpListen::backlog), and the port refuses none that it would not have
    /// refused otherwise. Stopping and starting a port ends its pause.
    pub fn pause_accepting(&self) {
        if let Some(port) = self.port() {
            port.pause();
        }
    }

    /// Accepts connections again, first of all those that have waited. Does nothing if the port is
    /// not paused.
    pub fn resume_accepting(&self) {
        if let Some(port) = self.port() {
            port.resume();
        }
    }

    /// Whether it listens now; a port that is paused does.
    pub fn is_listening(&self) -> bool {
        self.port().is_some_and(|port| port.is_listening())
    }

    /// Returns what it has accepted and refused, and why.
    pub fn stats(&self) -> PortStats {
        let port = self.port();
        port.map_or_else(|| PortStats::at(self.address()), |port| port.stats())
    }

    /// Returns how many of the connections that it accepted have not ended. Those that a factory refused do
    /// not count.
    pub fn connections(&self) -> usize {
        self.port().map_or(0, |port| port.connections())
    }

    /// Lends the descriptor of the port to `act`, as
    /// [`with_descriptor`](crate::TransportRef::with_descriptor) of a connection does.
    ///
    /// [`NotConnected`](std::io::ErrorKind::NotConnected): the port does not listen, or has no
    /// descriptor, as one in memory.
    #[cfg(unix)]
    pub fn with_descriptor<R>(
        &self,
        act: impl FnOnce(std::os::fd::BorrowedFd<'_>) -> R,
    ) -> std::io::Result<R> {
        lend(self.port().and_then(|port| port.duplicate()), act)
    }

    fn port(&self) -> Option<Rc<dyn Listening>> {
        self.port.port.upgrade()
    }
}

impl fmt::Debug for ListeningPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListeningPort")
            .field("address", &self.address())
            .field("listening", &self.is_listening())
            .finish()
    }
}
