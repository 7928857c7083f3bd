use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::rc::{Rc, Weak};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Token};
use socket2::SockRef;

use super::TcpOptions;
use super::send_queue::unacknowledged;
use crate::core::siblings::Siblings;
use crate::core::sources::Source;
use crate::machines::output::ReadBuffer;
use crate::stream::{Ready, Stream, Wire};
use crate::{Address, Reason};

/// A TCP socket as the wire of a [`Stream`].
pub(crate) struct TcpWire {
    /// None once closed.
    socket: RefCell<Option<TcpStream>>,
    token: Cell<Token>,
    siblings: Rc<Siblings>,
    peer: Peer,
}

/// An address in half the space: there may be very many.
enum Peer {
    V4(SocketAddrV4),
    V6(Box<SocketAddrV6>),
}

impl Peer {
    fn address(&self) -> SocketAddr {
        match self {
            Peer::V4(address) => (*address).into(),
            Peer::V6(address) => (**address).into(),
        }
    }
}

impl TcpWire {
    pub(crate) fn new(socket: TcpStream, peer: SocketAddr, siblings: &Rc<Siblings>) -> Self {
        siblings.opened();
        TcpWire {
            socket: RefCell::new(Some(socket)),
            token: Cell::new(Token(usize::MAX)),
            siblings: siblings.clone(),
            peer: match peer {
                SocketAddr::V4(address) => Peer::V4(address),
                SocketAddr::V6(address) => Peer::V6(Box::new(address)),
            },
        }
    }

    /// Registers the socket, which was not registered yet. It is watched for reading alone until a
    /// send would block: most connections never need more, and are spared one event each.
    pub(crate) fn register(stream: &Rc<Stream<TcpWire>>) -> io::Result<()> {
        let wire = &stream.wire;
        wire.with(|socket| {
            let token = wire
                .siblings
                .sources
                .add(stream.clone(), socket, Interest::READABLE)?;
            wire.token.set(token);
            Ok(())
        })
    }

    /// Takes over the registration of the attempt that made the connection.
    pub(crate) fn take_over(stream: &Rc<Stream<TcpWire>>, token: Token) {
        stream.wire.token.set(token);
        stream.wire.siblings.sources.replace(token, stream.clone());
    }

    #[inline(always)]
    fn with<R>(&self, act: impl FnOnce(&mut TcpStream) -> io::Result<R>) -> io::Result<R> {
        match self.socket.borrow_mut().as_mut() {
            Some(socket) => act(socket),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    pub(super) fn with_socket<R>(
        &self,
        act: impl FnOnce(SockRef<'_>) -> io::Result<R>,
    ) -> io::Result<R> {
        self.with(|socket| act(SockRef::from(&*socket)))
    }
}

impl Wire for TcpWire {
    #[inline(always)]
    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.with(|socket| socket.read(buffer))
    }

    #[inline(always)]
    fn send(&self, data: &[u8]) -> io::Result<usize> {
        self.with(|socket| socket.write(data))
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.with(|socket| socket.shutdown(Shutdown::Write))
    }

    fn close(&self, reset: bool) {
        let Some(socket) = self.socket.borrow_mut().take() else {
            return;
        };
        if reset {
            // Best effort: without it the peer sees an orderly end, which a layer above may still
            // tell from a whole message.
            let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
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
        self.with(|socket| sources.reregister(self.token.get(), socket, interest))
    }

    fn unacknowledged(&self) -> Option<usize> {
        let local = self.with(|socket| socket.local_addr()).ok()?;
        unacknowledged(local, self.peer.address())
    }

    fn take_error(&self) -> io::Error {
        let error = self.with(|socket| socket.take_error());
        match error {
            Ok(Some(error)) | Err(error) => error,
            Ok(None) => io::ErrorKind::ConnectionReset.into(),
        }
    }

    fn peer(&self) -> Address {
        self.peer.address().into()
    }

    fn host(&self) -> Address {
        self.with(|socket| socket.local_addr())
            .map_or(Address::Unknown, Address::from)
    }

    fn extension(&self, stream: Weak<dyn Any>, wanted: TypeId) -> Option<Rc<dyn Any>> {
        (wanted == TypeId::of::<TcpOptions>())
            .then(|| Rc::new(TcpOptions::new(stream)) as Rc<dyn Any>)
    }
}

/// A connection that could not be registered has not been closed.
impl Drop for TcpWire {
    fn drop(&mut self) {
        if self.socket.get_mut().is_some() {
            self.siblings.closed();
        }
    }
}

impl Source for Stream<TcpWire> {
    fn ready(&self, ready: Ready, buffer: &mut ReadBuffer) {
        Stream::ready(self, ready, buffer);
    }

    fn stop(&self) {
        Stream::stop(self);
    }

    fn abort(&self, reason: Reason) {
        self.end(reason);
    }
}
