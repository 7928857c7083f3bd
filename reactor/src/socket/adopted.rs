use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use mio::event;
use socket2::{SockAddr, Socket, Type};

use super::HasDescriptor;
use super::port::{AcceptLimits, Accepted, Listens};
use super::wire::{SocketWire, StreamSocket};
use crate::core::Core;
use crate::stream::{Stream, Wire};
use crate::{
    Address, AdoptError, Channel, ConnectionId, ListenError, ProtocolRef, SocketFamily,
    StreamSettings, TransportRef,
};

/// A socket that a reactor is to take over, with the bounds of what it carries. Any socket of the
/// standard library is one, and any [`OwnedFd`].
///
/// The reactor makes it non-blocking, which holds for every process that has the same socket, and
/// closes it when its port or its connection ends. It never shuts down a socket that listens, so that
/// another process that has it may go on.
#[derive(Debug)]
pub struct AdoptedSocket {
    descriptor: OwnedFd,
    family: Option<SocketFamily>,
    pub(crate) settings: StreamSettings,
    pub(crate) limits: AcceptLimits,
    pub(crate) max_datagram: usize,
}

impl<T: Into<OwnedFd>> From<T> for AdoptedSocket {
    fn from(socket: T) -> Self {
        AdoptedSocket {
            descriptor: socket.into(),
            family: None,
            settings: StreamSettings::default(),
            limits: AcceptLimits {
                per_turn: 64,
                on_stop: 0,
            },
            max_datagram: 65_535,
        }
    }
}

impl AdoptedSocket {
    /// The family that the socket is of; if it is of another, that is an error. Default: any.
    pub fn family(mut self, family: SocketFamily) -> Self {
        self.family = Some(family);
        self
    }

    /// The bounds of the connections.
    pub fn settings(mut self, settings: StreamSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets how many connections a port accepts before others are served. Default 64, at least 1.
    pub fn max_accepts_per_turn(mut self, connections: usize) -> Self {
        self.limits.per_turn = connections.max(1);
        self
    }

    /// Sets how many connections that wait in the queue a port accepts when it stops. Default 0: another
    /// process that has the socket, such as systemd, serves them. If there is none, the system resets
    /// them.
    pub fn max_accepts_on_stop(mut self, connections: usize) -> Self {
        self.limits.on_stop = connections;
        self
    }

    /// The longest datagram that a port receives whole, in bytes. Default and maximum 65,535.
    #[doc(alias = "maxPacketSize")]
    pub fn max_datagram(mut self, bytes: usize) -> Self {
        self.max_datagram = bytes.min(65_535);
        self
    }

    /// The socket, if it listens for streams.
    pub(crate) fn listener(&self) -> Result<(Family, Socket), AdoptError> {
        let (family, socket) = self.socket(Type::STREAM, "one that streams come from")?;
        if !listens(&socket)? {
            return Err(AdoptError::NotListening);
        }
        Ok((family, socket))
    }

    /// The socket and its peer, if it is a stream that is connected.
    pub(crate) fn connection(&self) -> Result<(Family, Socket, SockAddr), AdoptError> {
        let (family, socket) = self.socket(Type::STREAM, "a stream")?;
        let peer = socket.peer_addr().map_err(|error| match error.kind() {
            io::ErrorKind::NotConnected | io::ErrorKind::InvalidInput => AdoptError::NotConnected,
            _ => AdoptError::Failed(error),
        })?;
        Ok((family, socket, peer))
    }

    /// The socket, if it is one for datagrams.
    pub(crate) fn datagrams(&self) -> Result<(Family, Socket), AdoptError> {
        self.socket(Type::DGRAM, "one for datagrams")
    }

    fn socket(&self, kind: Type, wanted: &'static str) -> Result<(Family, Socket), AdoptError> {
        let descriptor = self.descriptor.try_clone().map_err(AdoptError::Failed)?;
        let socket = Socket::from(descriptor);
        let found = socket.r#type().map_err(AdoptError::NotASocket)?;
        let address = socket.local_addr().map_err(AdoptError::Failed)?;
        let family = family_of(&address)?;
        if let Some(wanted) = self.family.filter(|wanted| *wanted != family) {
            return Err(AdoptError::WrongFamily(wanted));
        }
        if found != kind {
            return Err(AdoptError::WrongType { wanted });
        }
        // A copy of a descriptor is closed on exec.
        socket.set_nonblocking(true).map_err(AdoptError::Failed)?;
        #[cfg(target_vendor = "apple")]
        super::silence(&socket).map_err(AdoptError::Failed)?;
        let family = match family {
            SocketFamily::Unix => Family::Unix,
            _ => Family::Ip,
        };
        Ok((family, socket))
    }
}

/// The families that are transports here, as far as code differs between them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Ip,
    Unix,
}

fn family_of(address: &SockAddr) -> Result<SocketFamily, AdoptError> {
    match address.as_socket() {
        Some(SocketAddr::V4(_)) => Ok(SocketFamily::Ipv4),
        Some(SocketAddr::V6(_)) => Ok(SocketFamily::Ipv6),
        None if address.is_unix() => Ok(SocketFamily::Unix),
        None => Err(AdoptError::UnsupportedFamily(address.family().into())),
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn listens(socket: &Socket) -> Result<bool, AdoptError> {
    socket.is_listener().map_err(AdoptError::Failed)
}

/// The system does not tell: one that is connected does not listen, at any rate.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn listens(socket: &Socket) -> Result<bool, AdoptError> {
    Ok(socket.peer_addr().is_err())
}

/// Makes a connection of a socket that is connected. Its protocol hears of it in a later turn than this
/// one; after an error it has heard nothing.
pub(crate) fn adopt<S: StreamSocket>(
    core: &Rc<Core>,
    socket: S,
    peer: S::Peer,
    settings: StreamSettings,
    protocol: ProtocolRef,
) -> Result<TransportRef, AdoptError> {
    let stream = Stream::new(
        SocketWire::new(socket, peer, &core.adopted),
        protocol,
        core.context.clone(),
        Rc::new(settings),
        None,
    );
    if let Err(error) = SocketWire::register(&stream) {
        stream.wire.close(false);
        return Err(AdoptError::Failed(error));
    }
    stream.seat().wants_turn();
    Ok(stream.seat().transport())
}

/// Makes a connection of a socket that another reactor has let go, with what that one has left of it.
pub(crate) fn arrives<S: StreamSocket>(
    core: &Rc<Core>,
    socket: S,
    peer: S::Peer,
    (id, unread, unsent): (ConnectionId, Vec<u8>, Vec<u8>),
    settings: Rc<StreamSettings>,
    protocol: ProtocolRef,
) -> io::Result<()> {
    let stream = Stream::arrived(
        SocketWire::new(socket, peer, &core.adopted),
        protocol,
        core.context.clone(),
        settings,
        (id, unread, unsent),
    );
    let watched = SocketWire::register(&stream);
    if watched.is_err() {
        stream.wire.close(false);
    }
    stream.seat().wants_turn();
    watched
}

/// A port whose socket was given, for [`listen`](super::listen). It opens once.
pub(crate) struct GivenPort<L, S: StreamSocket> {
    listener: RefCell<Option<L>>,
    address: Address,
    accept: fn(&L) -> io::Result<Accepted<S>>,
}

impl<L, S: StreamSocket> GivenPort<L, S> {
    pub(crate) fn new(
        listener: L,
        address: Address,
        accept: fn(&L) -> io::Result<Accepted<S>>,
    ) -> Self {
        GivenPort {
            listener: RefCell::new(Some(listener)),
            address,
            accept,
        }
    }
}

impl<L: event::Source + HasDescriptor + 'static, S: StreamSocket> Listens for GivenPort<L, S> {
    type Listener = L;
    type Socket = S;

    fn open(&self) -> Result<L, ListenError> {
        let given = self.listener.borrow_mut().take();
        given.ok_or(ListenError::Adopt(AdoptError::Closed))
    }

    fn accept(&self, listener: &L) -> io::Result<Accepted<S>> {
        (self.accept)(listener)
    }

    fn address(&self) -> Address {
        self.address.clone()
    }

    fn cannot_watch(&self, error: io::Error) -> ListenError {
        ListenError::from_io(self.address(), error)
    }
}
