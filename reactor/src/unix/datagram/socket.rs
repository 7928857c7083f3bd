use std::cell::{Cell, RefCell};
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::rc::{Rc, Weak};

use mio::net::UnixDatagram;
use mio::{Interest, Token};
use rustix::net::{SocketAddrUnix, sendto};
use socket2::{Domain, SockRef, Socket, Type};

use super::UnixDatagramListen;
use super::address::{Senders, destination, is_same_socket};
#[cfg(target_os = "linux")]
use super::options::Named;
use super::patience::Patience;
use crate::core::Core;
use crate::datagram::{
    Batch, DatagramPort, DatagramQueue, DatagramWire, Opened, Origin, Received, STRIDE, UdpOption,
};
use crate::inherited::handed::{self, Asked};
use crate::socket::{HasDescriptor, new_socket};
use crate::unix::file::{self, SocketFile};
use crate::unix::name::address_of;
use crate::unix::passing::send_flags;
use crate::{Address, AdoptError, ListenError, SendError, UdpError, UnixName};

/// A UNIX socket as the wire of a [`DatagramPort`].
///
/// What is evil here. A send that finds the queue of its receiver full fails, and the system tells
/// when there is room on Linux alone, and of a connected socket alone. A connected socket loses its
/// peer when that goes, and does not find the one that takes its place; and it cannot be connected to
/// a peer that is not there yet. So the port keeps the name of its peer, and connects when it sends.
/// Until then, and for what came before, strangers are told from the peer by name.
pub(crate) struct UnixDatagramWire {
    core: Weak<Core>,
    options: UnixDatagramListen,
    origin: Origin<UnixDatagram>,
    port: RefCell<Weak<DatagramPort<UnixDatagramWire>>>,
    /// `None` while the port is closed. The file goes before its socket: what is sent from now on does
    /// not reach a port that is closing.
    opened: RefCell<Option<(Option<SocketFile>, UnixDatagram)>>,
    token: Cell<Token>,
    /// The name; that which the system chose is kept when the port is opened again.
    bound: RefCell<Option<UnixName>>,
    peer: RefCell<Option<(UnixName, Address)>>,
    link: Cell<Link>,
    senders: Senders,
    patience: Patience,
    /// The system is asked to tell of room.
    watched: Cell<bool>,
    /// The program before this one has handed the socket over, and may be receiving still.
    is_taken_over: Cell<bool>,
}

/// How the socket stands to the peer of the port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    /// It is not connected.
    None,
    /// It is connected. What came before may be of strangers.
    New,
    /// Only the peer is heard: the system sees to it.
    Sealed,
}

impl UnixDatagramWire {
    pub(super) fn new(core: &Rc<Core>, options: UnixDatagramListen) -> Self {
        UnixDatagramWire {
            core: Rc::downgrade(core),
            origin: Origin::Made,
            port: RefCell::default(),
            opened: RefCell::new(None),
            token: Cell::new(Token(usize::MAX)),
            bound: RefCell::new(options.requested_name().cloned()),
            peer: RefCell::new(None),
            link: Cell::new(Link::None),
            senders: Senders::default(),
            patience: Patience::default(),
            watched: Cell::new(false),
            is_taken_over: Cell::new(false),
            options,
        }
    }

    /// A wire of a socket that may have a name, and a peer with a name.
    pub(super) fn of(core: &Rc<Core>, socket: Socket) -> Result<Self, AdoptError> {
        let socket = UnixDatagram::from_std(OwnedFd::from(socket).into());
        let own = socket.local_addr().map_err(AdoptError::Failed)?;
        let mut options = match UnixName::from_address(&address_of(&own)) {
            Some(name) => UnixDatagramListen::name(name),
            None => UnixDatagramListen::unnamed(),
        };
        if let Ok(peer) = socket.peer_addr() {
            let peer = UnixName::from_address(&address_of(&peer));
            options = options.connected_to(peer.ok_or(AdoptError::UnnamedPeer)?);
        }
        Ok(UnixDatagramWire {
            origin: Origin::Given(RefCell::new(Some(socket))),
            ..UnixDatagramWire::new(core, options)
        })
    }

    /// Where the port is to be open.
    pub(super) fn wanted(&self) -> Address {
        self.addresses().host
    }

    /// The socket, and its file if the port has made it.
    fn socket(&self) -> Result<(Option<SocketFile>, UnixDatagram), ListenError> {
        if let Some(given) = self.origin.take() {
            return Ok((None, given?));
        }
        let fail = |error| ListenError::from_io(self.wanted(), error);
        if let Some(name) = &*self.bound.borrow()
            && let Some(socket) = handed::take(Type::DGRAM, &name.sockaddr().map_err(fail)?)
        {
            self.is_taken_over.set(true);
            let file = file::taken_over(name, self.options.mode, self.options.lock_file)?;
            return Ok((file, UnixDatagram::from_std(OwnedFd::from(socket).into())));
        }
        let socket = self.make().map_err(fail)?;
        let file = self.bind(&socket)?;
        Ok((file, UnixDatagram::from_std(OwnedFd::from(socket).into())))
    }

    fn make(&self) -> io::Result<Socket> {
        let socket = new_socket(Domain::UNIX, Type::DGRAM, None)?;
        if let Some(bytes) = self.options.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.options.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        if let Some(mode) = self.options.mode {
            // Linux gives the file no more than the socket has. Others do not know this.
            let socket = File::from(OwnedFd::from(socket.try_clone()?));
            let _ = socket.set_permissions(fs::Permissions::from_mode(mode));
        }
        Ok(socket)
    }

    /// Binds the socket, if it is to have a name.
    fn bind(&self, socket: &Socket) -> Result<Option<SocketFile>, ListenError> {
        let options = &self.options;
        if let Some(name) = &*self.bound.borrow() {
            return file::bind(socket, name, options.mode, options.lock_file);
        }
        #[cfg(target_os = "linux")]
        if options.name == Named::Anything {
            let bound = rustix::net::bind(socket, &SocketAddrUnix::new_unnamed());
            bound.map_err(|error| ListenError::from_io(Address::Unix(None), error.into()))?;
        }
        Ok(None)
    }

    fn with<R>(&self, act: impl FnOnce(&mut UnixDatagram) -> io::Result<R>) -> io::Result<R> {
        match self.opened.borrow_mut().as_mut() {
            Some((_, socket)) => act(socket),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn addresses(&self) -> Opened {
        let bound = self.bound.borrow();
        Opened {
            host: bound.as_ref().map_or(Address::Unix(None), Address::from),
            peer: self
                .peer
                .borrow()
                .as_ref()
                .map(|(_, address)| address.clone()),
        }
    }

    fn set_peer(&self, peer: Option<UnixName>) {
        *self.peer.borrow_mut() = peer.map(|name| {
            let address = Address::from(&name);
            (name, address)
        });
        self.link.set(Link::None);
    }

    /// The peer, if all that comes is from there.
    fn only_sender(&self) -> Option<Address> {
        let peer = self.peer.borrow();
        let peer = peer.as_ref().filter(|_| self.link.get() == Link::Sealed);
        peer.map(|(_, address)| address.clone())
    }

    /// Connects the socket to the peer of the port, if it is not.
    fn link(&self, socket: &UnixDatagram) -> io::Result<()> {
        if self.link.get() == Link::None {
            let peer = self.peer.borrow();
            let (peer, _) = peer.as_ref().ok_or(io::ErrorKind::NotConnected)?;
            SockRef::from(socket).connect(&peer.sockaddr()?)?;
            self.link.set(Link::New);
        }
        Ok(())
    }

    fn send_to_peer(&self, socket: &UnixDatagram, data: &[u8]) -> io::Result<usize> {
        self.link(socket)?;
        let sent = socket.send(data);
        match &sent {
            Err(error) if has_lost_peer(error) => {
                self.link.set(Link::None);
                // Another may have taken its place.
                self.link(socket)?;
                socket.send(data)
            }
            _ => sent,
        }
    }

    fn send_one(&self, socket: &UnixDatagram, data: &[u8], to: Option<&Address>) -> io::Result<()> {
        let sent = match to {
            None => self.send_to_peer(socket, data),
            Some(Address::Unix(Some(path))) => {
                let to = SocketAddrUnix::new(&**path)?;
                Ok(sendto(socket, data, send_flags(), &to)?)
            }
            #[cfg(target_os = "linux")]
            Some(Address::UnixAbstract(name)) => {
                let to = SocketAddrUnix::new_abstract_name(name)?;
                Ok(sendto(socket, data, send_flags(), &to)?)
            }
            Some(_) => Err(io::ErrorKind::InvalidInput.into()),
        };
        match sent {
            Ok(_) => Ok(()),
            // So the BSDs say that the receiver is full.
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Err(error) => Err(error),
        }
    }

    /// Comes back when a receiver may have room.
    fn try_again_later(&self) {
        let Some(core) = self.core.upgrade() else {
            return;
        };
        let port = self.port.borrow().clone();
        let clock = &core.context.clock;
        clock.call_later(self.patience.next_pause(), move || {
            if let Some(port) = port.upgrade() {
                port.ready(false, true);
            }
        });
    }

    fn watch(&self, writable: bool) -> io::Result<()> {
        if self.watched.replace(writable) == writable && !writable {
            return Ok(());
        }
        let interest = if writable {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        let Some(core) = self.core.upgrade() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let token = self.token.get();
        self.with(|socket| core.sources.reregister(token, socket, interest))
    }
}

/// Whether the system has dissolved a connection, since the peer has gone.
fn has_lost_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::NotConnected
    ) || error.raw_os_error() == Some(libc::EDESTADDRREQ)
}

impl DatagramWire for UnixDatagramWire {
    const REFUSES_AT_ONCE: bool = true;
    const RECEIVERS_FILL: bool = true;

    fn open(&self, port: &Rc<DatagramPort<Self>>) -> Result<Opened, ListenError> {
        let core = self.core.upgrade().filter(|core| !core.is_ending());
        let core = core.ok_or(ListenError::ReactorGone)?;
        let fail = |error| ListenError::from_io(self.wanted(), error);
        let (file, mut socket) = self.socket()?;
        if self.bound.borrow().is_none() {
            let chosen = socket.local_addr().map_err(fail)?;
            *self.bound.borrow_mut() = UnixName::from_address(&address_of(&chosen));
        }
        self.set_peer(self.options.peer.clone());
        // A peer that is not there yet is told when something is sent.
        let _ = self.link(&socket);
        let token = core
            .sources
            .add(port.clone(), &mut socket, Interest::READABLE)
            .map_err(fail)?;
        self.token.set(token);
        self.watched.set(false);
        *self.port.borrow_mut() = Rc::downgrade(port);
        *self.opened.borrow_mut() = Some((file, socket));
        Ok(self.addresses())
    }

    fn asked(&self) -> Option<Asked> {
        let is_own = matches!(self.origin, Origin::Made);
        // A port without a name of its own, or with a peer, is that of a client.
        let is_server = self.options.requested_name().is_some() && self.peer.borrow().is_none();
        (is_own && is_server).then_some(Asked::Address)
    }

    fn lock(&self) -> Option<io::Result<OwnedFd>> {
        let opened = self.opened.borrow();
        let (file, _) = opened.as_ref()?;
        file.as_ref()?.lock()
    }

    fn duplicate(&self) -> Option<io::Result<std::os::fd::OwnedFd>> {
        let opened = self.opened.borrow();
        Some(opened.as_ref()?.1.duplicate())
    }

    fn close(&self) {
        let Some((file, mut socket)) = self.opened.borrow_mut().take() else {
            return;
        };
        drop(file);
        if let Some(core) = self.core.upgrade() {
            core.sources.remove(self.token.get(), &mut socket);
        }
    }

    fn receive(&self, batch: &mut Batch, most: usize, longest: usize) -> io::Result<bool> {
        if self.is_taken_over.get() && handed::is_waiting() {
            // It is looked at again when the wait is over.
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let slots = batch.begin(longest + 1);
        let opened = self.opened.borrow();
        let Some((_, socket)) = opened.as_ref() else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let only_sender = self.only_sender();
        let pieces = slots.bytes.chunks_exact_mut(STRIDE).take(most);
        for slot in pieces.filter_map(|slot| slot.get_mut(..slots.length)) {
            match socket.recv_from(slot) {
                Ok((length, from)) => {
                    // By its own name, whichever way the sender has written that.
                    let from = only_sender
                        .clone()
                        .unwrap_or_else(|| self.senders.address_of(&from));
                    slots.received.push(Received { length, from });
                }
                Err(error) => {
                    let is_drained = error.kind() == io::ErrorKind::WouldBlock;
                    let is_new = self.link.get() == Link::New;
                    if !slots.received.is_empty() {
                        // What stays is met again, and the end that seals the link.
                        return Ok(!is_drained || is_new);
                    }
                    if is_drained && is_new {
                        self.link.set(Link::Sealed);
                    }
                    return Err(error);
                }
            }
        }
        Ok(true)
    }

    fn send(&self, queue: &DatagramQueue) -> (usize, Option<io::Error>) {
        let mut sent = 0;
        let opened = self.opened.borrow();
        let Some((_, socket)) = opened.as_ref() else {
            return (0, Some(io::ErrorKind::NotConnected.into()));
        };
        for (data, to) in queue.iter() {
            match self.send_one(socket, data, to) {
                Ok(()) => {
                    sent += 1;
                    if to.is_none() {
                        self.patience.renew();
                    }
                }
                Err(error) => return (sent, Some(error)),
            }
        }
        (sent, None)
    }

    fn watch_writable(&self, watch: bool) -> io::Result<()> {
        if watch && !(TELLS_OF_ROOM && self.link.get() != Link::None) {
            self.try_again_later();
            return Ok(());
        }
        if !watch {
            self.patience.renew();
        }
        self.watch(watch)
    }

    fn look_again(&self) {
        if let Some(core) = self.core.upgrade() {
            core.sources.again(self.token.get());
        }
    }

    fn destination(&self, to: &Address, length: usize) -> Result<Address, SendError> {
        destination(to, length)
    }

    fn send_error(&self, error: io::Error, length: usize) -> SendError {
        match error.raw_os_error() {
            Some(libc::ECONNREFUSED | libc::ENOENT | libc::EPROTOTYPE | libc::ENOTSOCK) => {
                SendError::NoReceiver(error)
            }
            // EPERM: the receiver hears its own peer alone.
            _ => SendError::from_io(error, length, true),
        }
    }

    fn is_from_peer(&self, peer: &Address, from: &Address) -> bool {
        self.link.get() == Link::Sealed || is_same_socket(peer, from)
    }

    fn connect(&self, to: &Address) -> Result<Opened, UdpError> {
        let peer = UnixName::from_address(to).ok_or(UdpError::AddressFamily)?;
        self.set_peer(Some(peer));
        // A peer that is not there yet is told when something is sent.
        let _ = self.with(|socket| self.link(socket));
        Ok(self.addresses())
    }

    fn set(&self, _: UdpOption) -> Result<(), UdpError> {
        Err(UdpError::AddressFamily)
    }
}

/// Whether the system tells when a connected receiver has room.
const TELLS_OF_ROOM: bool = cfg!(target_os = "linux");
