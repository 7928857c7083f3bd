use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::rc::{Rc, Weak};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Token};
use socket2::{SockRef, TcpKeepalive};

use super::send_queue::unacknowledged;
use crate::output::ReadBuffer;
use crate::sources::{Source, Sources};
use crate::stream::{Ready, Stream, Wire};
use crate::{Address, Reason, Transport};

/// A TCP socket as the wire of a [`Stream`].
pub(crate) struct TcpWire {
    /// None once closed.
    socket: RefCell<Option<TcpStream>>,
    token: Cell<Token>,
    sources: Rc<Sources>,
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
    pub(crate) fn new(socket: TcpStream, peer: SocketAddr, sources: Rc<Sources>) -> Self {
        TcpWire {
            socket: RefCell::new(Some(socket)),
            token: Cell::new(Token(usize::MAX)),
            sources,
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
                .sources
                .add(stream.clone(), socket, Interest::READABLE)?;
            wire.token.set(token);
            Ok(())
        })
    }

    /// Takes over the registration of the attempt that made the connection.
    pub(crate) fn take_over(stream: &Rc<Stream<TcpWire>>, token: Token) {
        stream.wire.token.set(token);
        stream.wire.sources.replace(token, stream.clone());
    }

    #[inline(always)]
    fn with<R>(&self, act: impl FnOnce(&mut TcpStream) -> io::Result<R>) -> io::Result<R> {
        match self.socket.borrow_mut().as_mut() {
            Some(socket) => act(socket),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn options(&self, set: impl FnOnce(SockRef<'_>) -> io::Result<()>) -> io::Result<()> {
        self.with(|socket| set(SockRef::from(&*socket)))
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
        self.sources.forget(self.token.get());
    }

    fn read_again(&self) {
        self.sources.again(self.token.get());
    }

    fn wants_writable(&self) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.with(|socket| self.sources.reregister(self.token.get(), socket, interest))
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
            .then(|| Rc::new(TcpOptions { stream }) as Rc<dyn Any>)
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

/// The options of the TCP socket at the bottom of a stack of layers. Weak, like every handle: on a
/// connection that has gone, setting one is an error.
#[doc(alias = "ITCPTransport")]
#[derive(Clone)]
pub struct TcpOptions {
    stream: Weak<dyn Any>,
}

impl TcpOptions {
    /// The options of the socket that `transport` ends in; none if that is no TCP socket.
    pub fn of(transport: &dyn Transport) -> Option<TcpOptions> {
        let found = transport.extension(TypeId::of::<TcpOptions>())?;
        found.downcast_ref::<TcpOptions>().cloned()
    }

    /// Whether small writes go out at once (`TCP_NODELAY`).
    #[doc(alias = "setTcpNoDelay")]
    pub fn set_no_delay(&self, at_once: bool) -> io::Result<()> {
        self.set(|socket| socket.set_tcp_nodelay(at_once))
    }

    /// Asks a silent peer whether it is still there after `idle`; none: never.
    #[doc(alias = "setTcpKeepAlive")]
    pub fn set_keep_alive(&self, idle: Option<Duration>) -> io::Result<()> {
        self.set(|socket| set_keep_alive(&socket, idle))
    }

    fn set(&self, set: impl FnOnce(SockRef<'_>) -> io::Result<()>) -> io::Result<()> {
        let stream = self.stream.upgrade();
        match stream
            .as_deref()
            .and_then(<dyn Any>::downcast_ref::<Stream<TcpWire>>)
        {
            Some(stream) => stream.wire.options(set),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

pub(super) fn set_keep_alive(socket: &SockRef<'_>, idle: Option<Duration>) -> io::Result<()> {
    match idle {
        Some(idle) => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle)),
        None => socket.set_keepalive(false),
    }
}
