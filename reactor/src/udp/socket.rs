use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::{Rc, Weak};

use mio::net::UdpSocket;
use mio::{Interest, Token};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};

use super::address::{destination, fit};
use super::calls::{self, Headers};
use crate::core::Core;
#[cfg(unix)]
use crate::datagram::Origin;
use crate::datagram::{Batch, DatagramPort, DatagramQueue, DatagramWire, Opened, UdpOption};
#[cfg(unix)]
use crate::inherited::handed::{self, Asked};
#[cfg(unix)]
use crate::socket::HasDescriptor;
use crate::socket::new_socket;
#[cfg(unix)]
use crate::socket::share_port;
use crate::{Address, ListenError, NetworkInterface, SendError, UdpError, UdpListen};

/// A UDP socket as the wire of a [`DatagramPort`].
pub(crate) struct UdpWire {
    core: Weak<Core>,
    options: UdpListen,
    /// How the socket comes to be.
    #[cfg(unix)]
    origin: Origin<UdpSocket>,
    /// None while the port is closed.
    socket: RefCell<Option<UdpSocket>>,
    token: Cell<Token>,
    /// The address that the system gave; the port number is kept when it is opened again.
    bound: Cell<SocketAddr>,
    broadcast: Cell<bool>,
    headers: Rc<Headers>,
    /// The program before this one has handed the socket over, and may be receiving still.
    #[cfg(unix)]
    is_taken_over: Cell<bool>,
}

impl UdpWire {
    pub(crate) fn new(core: &Rc<Core>, options: UdpListen) -> Self {
        UdpWire {
            #[cfg(unix)]
            origin: Origin::Made,
            core: Rc::downgrade(core),
            headers: core.datagrams.of_wires(),
            socket: RefCell::new(None),
            token: Cell::new(Token(usize::MAX)),
            bound: Cell::new(options.address),
            broadcast: Cell::new(options.broadcast),
            #[cfg(unix)]
            is_taken_over: Cell::new(false),
            options,
        }
    }

    /// A wire of a socket that is bound, and perhaps connected.
    #[cfg(unix)]
    pub(super) fn of(core: &Rc<Core>, socket: Socket) -> io::Result<Self> {
        let broadcast = socket.broadcast()?;
        let v6_only = || socket.only_v6().unwrap_or(true);
        let domain = socket.local_addr()?;
        let dual_stack = domain.is_ipv6() && !v6_only();
        let socket = UdpSocket::from_std(socket.into());
        let options = UdpListen::address(socket.local_addr()?)
            .broadcast(broadcast)
            .dual_stack(dual_stack);
        Ok(UdpWire {
            origin: Origin::Given(RefCell::new(Some(socket))),
            ..UdpWire::new(core, options)
        })
    }

    /// Where the port is to be open.
    pub(super) fn wanted(&self) -> Address {
        Address::Udp(self.bound.get())
    }

    fn make(&self) -> Result<UdpSocket, ListenError> {
        #[cfg(unix)]
        if let Some(given) = self.origin.take() {
            return Ok(given?);
        }
        self.bind()
            .map_err(|error| ListenError::from_io(self.wanted(), error))
    }

    fn bind(&self) -> io::Result<UdpSocket> {
        let (address, options) = (self.bound.get(), &self.options);
        #[cfg(unix)]
        if address.port() != 0
            && let Some(socket) = handed::take(Type::DGRAM, &address.into())
        {
            self.is_taken_over.set(true);
            return Ok(UdpSocket::from_std(socket.into()));
        }
        let domain = Domain::for_address(address);
        let socket = new_socket(domain, Type::DGRAM, Some(Protocol::UDP))?;
        if options.reuse_address {
            socket.set_reuse_address(true)?;
            // Where it means the same to TCP, it takes both to open a port again for all groups.
            #[cfg(all(unix, not(target_os = "linux")))]
            socket.set_reuse_port(true)?;
        }
        #[cfg(unix)]
        if options.reuse_port {
            share_port(&socket)?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(!options.dual_stack)?;
        }
        if options.broadcast {
            socket.set_broadcast(true)?;
        }
        if let Some(bytes) = options.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        if let Some(bytes) = options.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        own_groups_only(&socket, address);
        socket.bind(&address.into())?;
        let socket = UdpSocket::from_std(socket.into());
        if let Some(peer) = options.peer {
            let peer = self.fit(peer).ok_or(io::ErrorKind::InvalidInput)?;
            socket.connect(peer)?;
        }
        Ok(socket)
    }

    fn fit(&self, address: SocketAddr) -> Option<SocketAddr> {
        fit(self.bound.get(), self.options.dual_stack, address)
    }

    fn with<R>(&self, act: impl FnOnce(&mut UdpSocket) -> io::Result<R>) -> io::Result<R> {
        match self.socket.borrow_mut().as_mut() {
            Some(socket) => act(socket),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn addresses(socket: &UdpSocket) -> io::Result<Opened> {
        Ok(Opened {
            host: Address::Udp(socket.local_addr()?),
            peer: socket.peer_addr().ok().map(Address::Udp),
        })
    }

    fn is_v4(&self) -> bool {
        self.bound.get().is_ipv4()
    }
}

impl DatagramWire for UdpWire {
    fn open(&self, port: &Rc<DatagramPort<Self>>) -> Result<Opened, ListenError> {
        let core = self.core.upgrade().filter(|core| !core.is_ending());
        let core = core.ok_or(ListenError::ReactorGone)?;
        let fail = |error| ListenError::from_io(self.wanted(), error);
        let mut socket = self.make()?;
        let opened = UdpWire::addresses(&socket).map_err(fail)?;
        if let Some(port) = opened.host.port() {
            let mut bound = self.bound.get();
            bound.set_port(port);
            self.bound.set(bound);
        }
        let token = core
            .sources
            .add(port.clone(), &mut socket, Interest::READABLE)
            .map_err(fail)?;
        self.token.set(token);
        self.broadcast.set(self.options.broadcast);
        *self.socket.borrow_mut() = Some(socket);
        Ok(opened)
    }

    #[cfg(unix)]
    fn asked(&self) -> Option<Asked> {
        let is_own = matches!(self.origin, Origin::Made);
        // A port without a number of its own is that of a client.
        (is_own && self.options.address.port() != 0).then_some(Asked::Address)
    }

    #[cfg(unix)]
    fn duplicate(&self) -> Option<io::Result<std::os::fd::OwnedFd>> {
        let socket = self.socket.borrow();
        Some(socket.as_ref()?.duplicate())
    }

    fn close(&self) {
        let Some(mut socket) = self.socket.borrow_mut().take() else {
            return;
        };
        if let Some(core) = self.core.upgrade() {
            core.sources.remove(self.token.get(), &mut socket);
        }
    }

    fn receive(&self, batch: &mut Batch, most: usize, longest: usize) -> io::Result<bool> {
        #[cfg(unix)]
        if self.is_taken_over.get() && handed::is_waiting() {
            // It is looked at again when the wait is over.
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let socket = self.socket.borrow();
        match socket.as_ref() {
            Some(socket) => {
                calls::receive(socket, self.is_v4(), batch, most, longest, &self.headers)
            }
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn send(&self, queue: &DatagramQueue) -> (usize, Option<io::Error>) {
        match self.socket.borrow().as_ref() {
            Some(socket) => calls::send(socket, queue),
            None => (0, Some(io::ErrorKind::NotConnected.into())),
        }
    }

    fn watch_writable(&self, watch: bool) -> io::Result<()> {
        let interest = if watch {
            Interest::READABLE | Interest::WRITABLE
        } else {
            // A socket that is watched for this without need reports each datagram that has gone.
            Interest::READABLE
        };
        let Some(core) = self.core.upgrade() else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let token = self.token.get();
        self.with(|socket| core.sources.reregister(token, socket, interest))
    }

    fn look_again(&self) {
        if let Some(core) = self.core.upgrade() {
            core.sources.again(self.token.get());
        }
    }

    fn destination(&self, to: &Address, length: usize) -> Result<Address, SendError> {
        destination(self.bound.get(), self.options.dual_stack, to, length)
    }

    fn send_error(&self, error: io::Error, length: usize) -> SendError {
        SendError::from_io(error, length, self.broadcast.get())
    }

    fn connect(&self, to: &Address) -> Result<Opened, UdpError> {
        let fitting = to.socket().and_then(|address| self.fit(address));
        let address = fitting.ok_or(UdpError::AddressFamily)?;
        let connected = self.with(|socket| {
            socket.connect(address)?;
            UdpWire::addresses(socket)
        });
        connected.map_err(UdpError::Failed)
    }

    fn set(&self, option: UdpOption) -> Result<(), UdpError> {
        let v4 = self.is_v4();
        let socket = self.socket.borrow();
        let socket = SockRef::from(socket.as_ref().ok_or(UdpError::NotListening)?);
        let outcome = match option {
            UdpOption::Broadcast(allowed) => {
                self.broadcast.set(allowed);
                socket.set_broadcast(allowed)
            }
            UdpOption::Join(IpAddr::V4(group), interface) if v4 => {
                socket.join_multicast_v4_n(&group, &interface_v4(interface))
            }
            UdpOption::Leave(IpAddr::V4(group), interface) if v4 => {
                socket.leave_multicast_v4_n(&group, &interface_v4(interface))
            }
            UdpOption::Join(IpAddr::V6(group), interface) if !v4 => {
                socket.join_multicast_v6(&group, interface_v6(interface)?)
            }
            UdpOption::Leave(IpAddr::V6(group), interface) if !v4 => {
                socket.leave_multicast_v6(&group, interface_v6(interface)?)
            }
            UdpOption::Join(..) | UdpOption::Leave(..) => return Err(UdpError::AddressFamily),
            UdpOption::MulticastInterface(interface) if v4 => match interface {
                NetworkInterface::Any => socket.set_multicast_if_v4(&Ipv4Addr::UNSPECIFIED),
                NetworkInterface::Address(address) => socket.set_multicast_if_v4(&address),
                NetworkInterface::Index(_) => return Err(UdpError::AddressFamily),
            },
            UdpOption::MulticastInterface(interface) => {
                socket.set_multicast_if_v6(interface_v6(interface)?)
            }
            UdpOption::MulticastTtl(ttl) if v4 => socket.set_multicast_ttl_v4(ttl.into()),
            UdpOption::MulticastTtl(ttl) => socket.set_multicast_hops_v6(ttl.into()),
            UdpOption::MulticastLoopback(on) if v4 => socket.set_multicast_loop_v4(on),
            UdpOption::MulticastLoopback(on) => socket.set_multicast_loop_v6(on),
        };
        outcome.map_err(option_error)
    }
}

/// A port hears the groups that it has joined. By default Linux gives it those that any program of this
/// machine has joined.
#[cfg(target_os = "linux")]
fn own_groups_only(socket: &Socket, address: SocketAddr) {
    // An old kernel does not know this for IPv6.
    let _ = match address {
        SocketAddr::V4(_) => socket.set_multicast_all_v4(false),
        SocketAddr::V6(_) => socket.set_multicast_all_v6(false),
    };
}

#[cfg(not(target_os = "linux"))]
fn own_groups_only(_: &Socket, _: SocketAddr) {}

fn interface_v4(interface: NetworkInterface) -> InterfaceIndexOrAddress {
    match interface {
        NetworkInterface::Any => InterfaceIndexOrAddress::Address(Ipv4Addr::UNSPECIFIED),
        NetworkInterface::Address(address) => InterfaceIndexOrAddress::Address(address),
        NetworkInterface::Index(index) => InterfaceIndexOrAddress::Index(index),
    }
}

fn interface_v6(interface: NetworkInterface) -> Result<u32, UdpError> {
    match interface {
        NetworkInterface::Any => Ok(0),
        NetworkInterface::Index(index) => Ok(index),
        NetworkInterface::Address(_) => Err(UdpError::AddressFamily),
    }
}

fn option_error(error: io::Error) -> UdpError {
    match error.raw_os_error() {
        Some(libc::EADDRINUSE) => UdpError::AlreadyJoined(error),
        Some(libc::EADDRNOTAVAIL) => UdpError::NotJoined(error),
        Some(libc::ENODEV | libc::ENXIO) => UdpError::NoSuchInterface(error),
        _ => UdpError::Failed(error),
    }
}
