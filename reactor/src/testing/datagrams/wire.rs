use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::network::{Fate, Net, Passing};
use crate::datagram::{Batch, DatagramPort, DatagramQueue, DatagramWire, Opened, UdpOption};
use crate::udp::{destination, fit};
use crate::{Address, ListenError, NetworkInterface, SendError, UdpError, UdpListen};

/// A port in memory. It behaves as UDP does where that hurts: a receive buffer that overflows, a send
/// that would block, a refusal that comes late, groups that must be joined.
pub(super) struct MemoryDatagrams {
    net: Weak<Net>,
    pub(super) options: UdpListen,
    port: RefCell<Weak<DatagramPort<MemoryDatagrams>>>,
    pub(super) bound: Cell<SocketAddr>,
    peer: Cell<Option<SocketAddr>>,
    /// What has arrived and was not received.
    arrived: RefCell<VecDeque<(Vec<u8>, SocketAddr)>>,
    refused: Cell<bool>,
    groups: RefCell<Vec<(IpAddr, NetworkInterface)>>,
    broadcast: Cell<bool>,
    loopback: Cell<bool>,
    under_way: Cell<usize>,
    waits: Cell<bool>,
}

/// What the system keeps of what has arrived: as Linux does by default.
const RECEIVE_BUFFER: usize = 208 * 1024;

impl MemoryDatagrams {
    pub(super) fn new(net: Weak<Net>, options: UdpListen) -> Self {
        MemoryDatagrams {
            net,
            port: RefCell::default(),
            bound: Cell::new(options.address),
            peer: Cell::new(None),
            arrived: RefCell::default(),
            refused: Cell::new(false),
            groups: RefCell::default(),
            broadcast: Cell::new(options.broadcast),
            loopback: Cell::new(true),
            under_way: Cell::new(0),
            waits: Cell::new(false),
            options,
        }
    }

    /// Where its datagrams come from.
    pub(super) fn source(&self) -> SocketAddr {
        let mut address = self.bound.get();
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
        }
        address
    }

    /// Whether what comes from there and goes there is for this port.
    pub(super) fn accepts(&self, from: SocketAddr, to: SocketAddr) -> bool {
        let bound = self.bound.get();
        let for_address = match to.ip() {
            ip if ip.is_multicast() => self.groups.borrow().iter().any(|group| group.0 == ip),
            IpAddr::V4(Ipv4Addr::BROADCAST) => bound.is_ipv4(),
            ip if bound.ip().is_unspecified() => ip.is_ipv4() == bound.is_ipv4(),
            ip => ip == bound.ip(),
        };
        let from_there = self.peer.get().is_none_or(|peer| peer == from);
        for_address && from_there && bound.port() == to.port()
    }

    /// Something has arrived. The system drops what does not fit.
    pub(super) fn put(&self, data: &[u8], from: SocketAddr) {
        let mut arrived = self.arrived.borrow_mut();
        let waiting: usize = arrived.iter().map(|(data, _)| data.len() + 1).sum();
        if waiting + data.len() < self.options.receive_buffer.unwrap_or(RECEIVE_BUFFER) {
            arrived.push_back((data.to_vec(), from));
        }
    }

    fn send_one(&self, data: &[u8], to: Option<&Address>) -> io::Result<()> {
        let net = self.net.upgrade().ok_or(io::ErrorKind::NotConnected)?;
        let to = match to {
            Some(to) => to.socket(),
            None => self.peer.get(),
        };
        let to = to.ok_or(io::ErrorKind::NotConnected)?;
        if self.refused.take() {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        if to.ip() == IpAddr::V4(Ipv4Addr::BROADCAST) && !self.broadcast.get() {
            return Err(io::Error::from_raw_os_error(libc::EACCES));
        }
        if self.under_way.get() >= net.window.get() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let from = self.source();
        let times = match net.fate(&Passing { from, to, data }) {
            Fate::Arrives => vec![Duration::ZERO],
            Fate::Lost => Vec::new(),
            Fate::Late(delay) => vec![delay],
            Fate::Repeated(delays) => delays,
        };
        for delay in times {
            self.dispatch(&net, to, data, delay);
        }
        Ok(())
    }

    fn dispatch(&self, net: &Rc<Net>, to: SocketAddr, data: &[u8], delay: Duration) {
        self.under_way.set(self.under_way.get() + 1);
        let (port, network) = (self.port.borrow().clone(), Rc::downgrade(net));
        let (data, from, loops) = (data.to_vec(), self.source(), self.loopback.get());
        let arrive = move || {
            let found = network
                .upgrade()
                .is_some_and(|net| net.arrive(from, to, &data, loops));
            if let Some(port) = port.upgrade() {
                port.wire.has_arrived(&port, found);
            }
        };
        if delay.is_zero() {
            net.clock.call_soon(arrive);
        } else {
            net.clock.call_later(delay, arrive);
        }
    }

    /// One of its own has come to an end.
    fn has_arrived(&self, port: &DatagramPort<MemoryDatagrams>, found: bool) {
        self.under_way.set(self.under_way.get().saturating_sub(1));
        if !found && self.peer.get().is_some() {
            self.refused.set(true);
            port.ready(true, false);
        }
        if self.waits.get() {
            port.ready(false, true);
        }
    }
}

impl DatagramWire for MemoryDatagrams {
    fn open(&self, port: &Rc<DatagramPort<Self>>) -> Result<Opened, ListenError> {
        let net = self.net.upgrade().ok_or(ListenError::ReactorGone)?;
        let bound = net.open(port, self.bound.get())?;
        self.bound.set(bound);
        *self.port.borrow_mut() = Rc::downgrade(port);
        self.broadcast.set(self.options.broadcast);
        let fitting = |peer| fit(bound, self.options.dual_stack, peer);
        self.peer.set(self.options.peer.and_then(fitting));
        Ok(Opened {
            host: Address::Udp(bound),
            peer: self.peer.get().map(Address::Udp),
        })
    }

    fn close(&self) {
        self.arrived.borrow_mut().clear();
        self.groups.borrow_mut().clear();
        self.refused.set(false);
        self.waits.set(false);
        if let Some(net) = self.net.upgrade() {
            net.close(self);
        }
    }

    fn receive(&self, batch: &mut Batch, most: usize, longest: usize) -> io::Result<bool> {
        if self.refused.take() {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let mut arrived = self.arrived.borrow_mut();
        if arrived.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut slots = batch.begin(longest + 1);
        let count = most.min(arrived.len());
        for (data, from) in arrived.drain(..count) {
            slots.put(&data, Address::Udp(from));
        }
        Ok(!arrived.is_empty())
    }

    fn send(&self, queue: &DatagramQueue) -> (usize, Option<io::Error>) {
        let mut sent = 0;
        for (data, to) in queue.iter() {
            match self.send_one(data, to) {
                Ok(()) => sent += 1,
                Err(error) => return (sent, Some(error)),
            }
        }
        (sent, None)
    }

    fn watch_writable(&self, watch: bool) -> io::Result<()> {
        self.waits.set(watch);
        Ok(())
    }

    fn look_again(&self) {
        if let Some(net) = self.net.upgrade() {
            let port = self.port.borrow().clone();
            net.clock.call_soon(move || {
                if let Some(port) = port.upgrade() {
                    port.ready(true, false);
                }
            });
        }
    }

    fn destination(&self, to: &Address, length: usize) -> Result<Address, SendError> {
        destination(self.bound.get(), self.options.dual_stack, to, length)
    }

    fn send_error(&self, error: io::Error, length: usize) -> SendError {
        SendError::from_io(error, length, self.broadcast.get())
    }

    fn connect(&self, to: &Address) -> Result<Opened, UdpError> {
        let fitting = to
            .socket()
            .and_then(|to| fit(self.bound.get(), self.options.dual_stack, to));
        self.peer.set(Some(fitting.ok_or(UdpError::AddressFamily)?));
        Ok(Opened {
            host: Address::Udp(self.source()),
            peer: self.peer.get().map(Address::Udp),
        })
    }

    fn set(&self, option: UdpOption) -> Result<(), UdpError> {
        let mut groups = self.groups.borrow_mut();
        let v4 = self.bound.get().is_ipv4();
        match option {
            UdpOption::Join(group, _) | UdpOption::Leave(group, _) if group.is_ipv4() != v4 => {
                return Err(UdpError::AddressFamily);
            }
            UdpOption::Join(group, interface) if groups.contains(&(group, interface)) => {
                return Err(UdpError::AlreadyJoined(io::ErrorKind::AddrInUse.into()));
            }
            UdpOption::Join(group, interface) => groups.push((group, interface)),
            UdpOption::Leave(group, interface) => {
                let joined = groups.iter().position(|known| *known == (group, interface));
                let missing = || UdpError::NotJoined(io::ErrorKind::AddrNotAvailable.into());
                groups.remove(joined.ok_or_else(missing)?);
            }
            UdpOption::Broadcast(allowed) => self.broadcast.set(allowed),
            UdpOption::MulticastLoopback(on) => self.loopback.set(on),
            // There is one interface, and one network.
            UdpOption::MulticastInterface(_) | UdpOption::MulticastTtl(_) => {}
        }
        Ok(())
    }
}
