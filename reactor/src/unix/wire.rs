use std::any::{Any, TypeId};
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::{Rc, Weak};

use mio::net::UnixStream;
use mio::{Interest, Registry, Token, event};

use super::descriptors::Found;
use super::name::address_of;
use super::passing::{Passing, UnixStreamChannel};
use super::send_queue::unacknowledged;
use super::{UnixDescriptors, UnixOptions};
use crate::Address;
use crate::socket::{StreamSocket, transfer};

/// A connected UNIX socket.
pub(crate) struct UnixSocket {
    stream: UnixStream,
    /// The descriptors that go with the bytes; `None` unless the application has asked for any.
    passing: Option<Box<Passing>>,
}

/// The address of a peer that has a name. Clients rarely have one, and there may be very many.
pub(crate) type Peer = Option<Box<Address>>;

/// Keeps the address in as few bytes as possible.
pub(super) fn peer(address: Address) -> Peer {
    (address != Address::Unix(None)).then(|| Box::new(address))
}

impl UnixSocket {
    /// A socket that accepts this many descriptors, or none.
    pub(super) fn new(stream: UnixStream, descriptors: Option<usize>) -> Self {
        UnixSocket {
            stream,
            passing: descriptors.map(|limit| Box::new(Passing::accepting(limit))),
        }
    }

    pub(super) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// The descriptors of this connection, which from now on has some.
    pub(super) fn passing(&mut self) -> &mut Passing {
        self.passing.get_or_insert_default()
    }

    pub(super) fn existing_passing(&mut self) -> Option<&mut Passing> {
        self.passing.as_deref_mut()
    }
}

impl AsFd for UnixSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl event::Source for UnixSocket {
    fn register(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        self.stream.register(registry, token, interest)
    }

    fn reregister(
        &mut self,
        registry: &Registry,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        self.stream.reregister(registry, token, interest)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.stream.deregister(registry)
    }
}

impl StreamSocket for UnixSocket {
    type Peer = Peer;
    /// With how many descriptors it accepts.
    type Sent = (UnixStream, Option<usize>);

    fn send_off(self) -> Self::Sent {
        let limit = self.passing.as_ref().and_then(|passing| passing.limit());
        (self.stream, limit)
    }

    fn arrived((stream, limit): Self::Sent) -> Self {
        UnixSocket::new(stream, limit)
    }

    fn address_of(peer: &Peer) -> Address {
        peer.as_deref().cloned().unwrap_or(Address::Unix(None))
    }

    fn host(&self) -> io::Result<Address> {
        self.stream.local_addr().map(|host| address_of(&host))
    }

    fn established(&mut self, stream: &Rc<UnixStreamChannel>) {
        if let Some(passing) = &mut self.passing {
            passing.set_stream(stream);
        }
    }

    #[inline(always)]
    fn recv(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.passing {
            None => self.stream.try_io(|| transfer::recv(&self.stream, buffer)),
            Some(passing) => passing.receive(&self.stream, buffer),
        }
    }

    #[inline(always)]
    fn send(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.passing {
            None => self.stream.try_io(|| transfer::send(&self.stream, data)),
            Some(passing) => passing.send(&self.stream, data),
        }
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    /// There is no reset: the peer sees a broken connection only if it sent what was not read.
    fn prepare_reset(&self) {}

    fn unacknowledged(&self, _: &Peer) -> Option<usize> {
        unacknowledged(&self.stream)
    }

    fn may_leave(&self) -> bool {
        self.passing.is_none()
    }

    fn into_descriptor(self) -> OwnedFd {
        self.stream.into()
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.stream.take_error()
    }

    #[inline(always)]
    fn stopped_early(&self) -> bool {
        let passing = self.passing.as_deref();
        passing.is_some_and(Passing::stopped_early)
    }

    fn resumes_by_itself(&self) -> bool {
        let passing = self.passing.as_deref();
        passing.is_some_and(Passing::is_stalled)
    }

    fn extension(stream: Weak<dyn Any>, wanted: TypeId) -> Option<Rc<dyn Any>> {
        if wanted == TypeId::of::<UnixOptions>() {
            return Some(Rc::new(UnixOptions::new(stream)));
        }
        (wanted == TypeId::of::<UnixDescriptors>()).then(|| Rc::new(Found(stream)) as Rc<dyn Any>)
    }
}
