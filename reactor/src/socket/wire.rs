use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::io;
#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};

use mio::{Interest, Token, event};

use super::HasDescriptor;
#[cfg(unix)]
use crate::PassError;
use crate::core::siblings::Siblings;
use crate::core::sources::Source;
use crate::machines::output::ReadBuffer;
use crate::stream::{Examined, Ready, Stream, Wire};
use crate::{Address, Reason};

/// What a family of sockets supplies for a connection.
pub(crate) trait StreamSocket: event::Source + HasDescriptor + 'static {
    /// The address of the peer, in as few bytes as possible: there may be very many.
    type Peer: Send + 'static;
    /// The socket on its way to another thread, before it has become a stream.
    type Sent: Send + 'static;

    fn send_off(self) -> Self::Sent;
    fn arrived(sent: Self::Sent) -> Self;
    fn address_of(peer: &Self::Peer) -> Address;
    fn host(&self) -> io::Result<Address>;
    /// The socket has become this stream.
    fn established(&mut self, _stream: &Rc<Stream<SocketWire<Self>>>)
    where
        Self: Sized,
    {
    }
    /// See [`Wire::recv`].
    fn recv(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// See [`Wire::send`].
    fn send(&mut self, data: &[u8]) -> io::Result<usize>;
    fn shutdown_write(&self) -> io::Result<()>;
    /// The socket is closed next, and the peer is to see that the connection broke, where the family
    /// can show it.
    fn prepare_reset(&self);
    /// See [`Wire::unacknowledged`].
    fn unacknowledged(&self, peer: &Self::Peer) -> Option<usize>;
    fn take_error(&self) -> io::Result<Option<io::Error>>;
    /// Whether nothing but the descriptor has to go to another reactor with it.
    #[cfg(unix)]
    fn may_leave(&self) -> bool {
        true
    }
    /// The descriptor alone.
    #[cfg(unix)]
    fn into_descriptor(self) -> OwnedFd;
    /// The last read was short, and there may be more all the same.
    #[inline(always)]
    fn stopped_early(&self) -> bool {
        false
    }
    /// The last write was short, and the system does not tell when to go on: the socket calls
    /// [`Stream::ready`] itself.
    fn resumes_by_itself(&self) -> bool {
        false
    }
    /// See [`Wire::extension`].
    fn extension(stream: Weak<dyn Any>, wanted: TypeId) -> Option<Rc<dyn Any>>;
}

/// A connected socket as the wire of a [`Stream`].
pub(crate) struct SocketWire<S: StreamSocket> {
    /// `None` once closed.
    socket: RefCell<Option<S>>,
    token: Cell<Token>,
    siblings: Rc<Siblings>,
    peer: S::Peer,
}

impl<S: StreamSocket> SocketWire<S> {
    pub(super) fn new(socket: S, peer: S::Peer, siblings: &Rc<Siblings>) -> Self {
        siblings.opened();
        SocketWire {
            socket: RefCell::new(Some(socket)),
            token: Cell::new(Token(usize::MAX)),
            siblings: siblings.clone(),
            peer,
        }
    }

    /// Registers the socket, which was not registered yet. It is watched for reading alone until a
    /// send would block: most connections never need more, and are spared one event each.
    pub(super) fn register(stream: &Rc<Stream<Self>>) -> io::Result<()> {
        let wire = &stream.wire;
        wire.with(|socket| {
            socket.established(stream);
            let token = wire
                .siblings
                .sources
                .add(stream.clone(), socket, Interest::READABLE)?;
            wire.token.set(token);
            Ok(())
        })
    }

    /// Takes over the registration of the attempt that made the connection.
    pub(super) fn take_over(stream: &Rc<Stream<Self>>, token: Token) {
        if let Some(socket) = stream.wire.socket.borrow_mut().as_mut() {
            socket.established(stream);
        }
        stream.wire.token.set(token);
        stream.wire.siblings.sources.replace(token, stream.clone());
    }

    /// Lends the socket, unless it is closed.
    #[inline(always)]
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut S) -> io::Result<R>) -> io::Result<R> {
        match self.socket.borrow_mut().as_mut() {
            Some(socket) => act(socket),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Lends the socket of a stream that an extension points to.
    pub(crate) fn with_socket_of<R>(
        stream: &Weak<dyn Any>,
        act: impl FnOnce(&mut S) -> io::Result<R>,
    ) -> io::Result<R> {
        let stream = stream.upgrade();
        match stream
            .as_deref()
            .and_then(<dyn Any>::downcast_ref::<Stream<Self>>)
        {
            Some(stream) => stream.wire.with(act),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl<S: StreamSocket> Wire for SocketWire<S> {
    #[inline(always)]
    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let received = self.with(|socket| {
            let received = socket.recv(buffer);
            if socket.stopped_early() {
                self.read_again();
            }
            received
        });
        // Windows tells of further bytes only when a read has found that there are none.
        #[cfg(windows)]
        if received
            .as_ref()
            .is_ok_and(|count| (1..buffer.len()).contains(count))
        {
            self.read_again();
        }
        received
    }

    #[inline(always)]
    fn send(&self, data: &[u8]) -> io::Result<usize> {
        // Not through `with`: the compiler makes a function of that here, at 13 instructions a message.
        match self.socket.borrow_mut().as_mut() {
            Some(socket) => socket.send(data),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.with(|socket| socket.shutdown_write())
    }

    fn close(&self, reset: bool) {
        let Some(socket) = self.socket.borrow_mut().take() else {
            return;
        };
        if reset {
            socket.prepare_reset();
        }
        self.siblings.closed();
        self.siblings.sources.forget(self.token.get());
    }

    fn read_again(&self) {
        self.siblings.sources.again(self.token.get());
    }

    fn wants_writable(&self) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let sources = &self.siblings.sources;
        self.with(|socket| {
            if socket.resumes_by_itself() {
                return Ok(());
            }
            sources.reregister(self.token.get(), socket, interest)
        })
    }

    fn unacknowledged(&self) -> Option<usize> {
        self.with(|socket| Ok(socket.unacknowledged(&self.peer)))
            .ok()?
    }

    fn take_error(&self) -> io::Error {
        let error = self.with(|socket| socket.take_error());
        match error {
            Ok(Some(error)) | Err(error) => error,
            Ok(None) => io::ErrorKind::ConnectionReset.into(),
        }
    }

    fn port(&self) -> Option<&Address> {
        self.siblings.port()
    }

    fn peer(&self) -> Address {
        S::address_of(&self.peer)
    }

    fn host(&self) -> Address {
        self.with(|socket| socket.host())
            .unwrap_or(Address::Unknown)
    }

    #[cfg(unix)]
    fn duplicate(&self) -> Option<io::Result<std::os::fd::OwnedFd>> {
        Some(self.with(|socket| socket.duplicate()))
    }

    /// A descriptor that lives on has to be taken from the system's list: its registration would live
    /// on as well, under a token of this reactor.
    #[cfg(unix)]
    fn detach(&self) -> Result<OwnedFd, PassError> {
        let mut place = self.socket.borrow_mut();
        let socket = place.as_mut().ok_or(PassError::NotConnected)?;
        if !socket.may_leave() {
            return Err(PassError::Descriptors);
        }
        let registry = self.siblings.sources.registry();
        registry.deregister(socket).map_err(PassError::Failed)?;
        let socket = place.take().ok_or(PassError::NotConnected)?;
        drop(place);
        self.siblings.closed();
        self.siblings.sources.forget(self.token.get());
        Ok(socket.into_descriptor())
    }

    fn extension(&self, stream: Weak<dyn Any>, wanted: TypeId) -> Option<Rc<dyn Any>> {
        S::extension(stream, wanted)
    }
}

/// A connection that could not be registered has not been closed.
impl<S: StreamSocket> Drop for SocketWire<S> {
    fn drop(&mut self) {
        if self.socket.get_mut().is_some() {
            self.siblings.closed();
        }
    }
}

impl<S: StreamSocket> Source for Stream<SocketWire<S>> {
    fn ready(&self, ready: Ready, buffer: &mut ReadBuffer) {
        Stream::ready(self, ready, buffer);
    }

    fn drain(&self) {
        if self.wire.siblings.are_served() {
            Stream::drain(self);
        }
    }

    fn stop(&self) {
        Stream::stop(self);
    }

    fn abort(&self, reason: Reason) {
        self.end(reason);
    }

    fn stream(&self) -> Option<&dyn Examined> {
        Some(self)
    }
}
