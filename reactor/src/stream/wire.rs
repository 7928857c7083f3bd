use std::any::{Any, TypeId};
use std::io;
use std::rc::{Rc, Weak};

use crate::heart::draining::Draining;
use crate::machines::output::Buffers;
use crate::{Address, Clock, Reason};

/// What a kind of byte stream supplies: TCP, a UNIX socket, a pipe in memory.
///
/// `recv` and `send` never block: after `WouldBlock` the wire calls [`Stream::ready`] when another
/// try is worth while. `recv` returns 0 at the end of input. A short count means that there is
/// nothing more just now.
///
/// [`Stream::ready`]: super::Stream::ready
pub(crate) trait Wire: 'static {
    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn send(&self, data: &[u8]) -> io::Result<usize>;
    /// Shows the peer the end of input, after all that was sent.
    fn shutdown_write(&self) -> io::Result<()>;
    /// Nothing is called after this. With `reset`, the peer sees that the connection broke.
    fn close(&self, reset: bool);
    /// Calls [`Stream::ready`](super::Stream::ready) in the next pass: there may be more to read.
    fn read_again(&self);
    /// A send would block: from now on, the wire tells when it would not. An error ends the
    /// connection, which would never hear of room again.
    fn wants_writable(&self) -> io::Result<()>;
    /// How many bytes were sent and not acknowledged by the peer; None where the system cannot tell.
    /// It costs several system calls, so only timers and connections that end ask.
    fn unacknowledged(&self) -> Option<usize>;
    /// Whether a close waits for the peer to close too. Where this end can go at once without harm to
    /// what was sent, and the other end need not answer, it does not.
    fn lingers(&self) -> bool {
        true
    }
    /// Whether a peer that has closed both directions has ended the connection, and
    /// [`outcome`](Wire::outcome) says how: a child that has exited. Otherwise it has broken off.
    fn ends_with_peer(&self) -> bool {
        false
    }
    /// Both directions are closed in order: the reason that the stream ends with. `None` if it is not
    /// known yet, because the wire belongs to something that is about to end: then the stream lingers,
    /// and the wire asks for a turn when it knows.
    fn outcome(&self) -> Option<Reason> {
        Some(Reason::Done)
    }
    /// Why the connection has broken.
    fn take_error(&self) -> io::Error;
    /// The port that has accepted the connection; `None` for one that this side made.
    fn port(&self) -> Option<&Address> {
        None
    }
    /// Whether the connection is one of the reactor's; the end of a test is not.
    fn is_counted(&self) -> bool {
        true
    }
    fn peer(&self) -> Address;
    fn host(&self) -> Address;
    /// A duplicate of the descriptor, for wires that have one.
    #[cfg(unix)]
    fn duplicate(&self) -> Option<io::Result<std::os::fd::OwnedFd>> {
        None
    }
    /// Takes the descriptor out of the wire, which is closed then; after an error nothing has changed.
    #[cfg(unix)]
    fn detach(&self) -> Result<std::os::fd::OwnedFd, crate::PassError> {
        Err(crate::PassError::NoSocket)
    }
    /// What this kind of wire offers, for a stream whose weak reference is given.
    fn extension(&self, stream: Weak<dyn Any>, wanted: TypeId) -> Option<Rc<dyn Any>>;
}

/// What hears that a connection has ended, after its protocol: the connector that made it.
pub(crate) trait Owner {
    fn stream_lost(&self, reason: &Reason);
}

/// What the streams of one reactor share.
pub(crate) struct StreamContext {
    pub(crate) clock: Clock,
    pub(crate) buffers: Buffers,
    pub(crate) draining: Draining,
}
