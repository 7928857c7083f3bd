use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use super::wire::MemoryDatagrams;
use crate::datagram::{DatagramCommons, DatagramPort};
use crate::heart::port::{KeptPorts, Listening};
use crate::testing::ManualClock;
use crate::{
    Address, Clock, DatagramProtocolRef, ListenError, ListeningPort, ReactorUdp, Reason, UdpListen,
};

/// UDP ports that are joined in memory, under a clock that the test moves.
///
/// All that is sent arrives at once and in order, unless [`fates`](DatagramNetwork::fates) says
/// otherwise. Multicast groups, broadcasts, and the refusal of a port that is not open are known. Nothing moves until [`run`](DatagramNetwork::run) or [`advance`](DatagramNetwork::advance).
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::testing::{DatagramNetwork, Fate};
/// use retwist::{
///     Address, DatagramProtocol, DatagramProtocolHandle, DatagramTransport,
/// };
///
/// struct Echo;
/// impl DatagramProtocol for Echo {
///     fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
///         transport.send_to(data, from);
///     }
/// }
///
/// #[derive(Default)]
/// struct Client { heard: Vec<Vec<u8>> }
/// impl DatagramProtocol for Client {
///     fn start_protocol(&mut self, transport: &DatagramTransport) {
///         transport.send(b"one");
///         transport.send(b"two");
///     }
///     fn datagram_received(&mut self, _: &DatagramTransport, data: &[u8], _: &Address) {
///         self.heard.push(data.to_vec());
///     }
/// }
///
/// let network = DatagramNetwork::new();
/// network.fates(|passing| if passing.data == b"one" { Fate::Lost } else { Fate::Arrives });
/// let echo = network.listen_udp(7, Echo).unwrap();
/// let client = DatagramProtocolHandle::new(Client::default());
/// network.connect_udp("127.0.0.1:7", &client).unwrap();
/// network.run();
/// assert_eq!(client.try_call(|client| client.heard.clone()).unwrap(), [b"two"]);
/// ```
pub struct DatagramNetwork {
    clock: Rc<ManualClock>,
    net: Rc<Net>,
}

/// The fate of a datagram on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, at once.
    Arrives,
    /// It never arrives, and its sender hears nothing of it.
    Lost,
    /// It arrives after this time, so that later ones may overtake it.
    Late(Duration),
    /// It arrives once for each of these delays.
    Repeated(Vec<Duration>),
}

/// A datagram on its way.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Passing<'a> {
    /// The sender.
    pub from: SocketAddr,
    /// The destination: a port, a multicast group, or a broadcast address.
    pub to: SocketAddr,
    /// Its bytes.
    pub data: &'a [u8],
}

/// What decides over the datagrams of a network.
type Fates = Box<dyn FnMut(&Passing<'_>) -> Fate>;

/// What all ports of a network share.
pub(super) struct Net {
    pub(super) clock: Clock,
    ports: RefCell<Vec<Rc<DatagramPort<MemoryDatagrams>>>>,
    kept_ports: Rc<KeptPorts>,
    fates: RefCell<Option<Fates>>,
    next_port: Cell<u16>,
    /// How many datagrams of one port may be under way before a send would block.
    pub(super) window: Cell<usize>,
    commons: Rc<DatagramCommons>,
}

impl DatagramNetwork {
    /// A network with a clock of its own.
    #[allow(clippy::new_without_default, reason = "a network is made on purpose")]
    pub fn new() -> Self {
        DatagramNetwork::on(&Rc::new(ManualClock::new()))
    }

    /// A network on this clock.
    pub fn on(clock: &Rc<ManualClock>) -> Self {
        DatagramNetwork {
            clock: clock.clone(),
            net: Rc::new(Net {
                clock: Clock::clone(clock),
                ports: RefCell::default(),
                kept_ports: Rc::default(),
                fates: RefCell::default(),
                next_port: Cell::new(40_000),
                window: Cell::new(usize::MAX),
                commons: Rc::default(),
            }),
        }
    }

    /// The ports that are open now, as they were asked for, in the order of opening.
    pub fn listening(&self) -> Vec<UdpListen> {
        let ports = self.net.ports.borrow();
        ports.iter().map(|port| port.wire.options.clone()).collect()
    }

    /// Sets the closure that decides the fate of each datagram from now on.
    pub fn fates(&self, fates: impl FnMut(&Passing<'_>) -> Fate + 'static) {
        *self.net.fates.borrow_mut() = Some(Box::new(fates));
    }

    /// How many datagrams of one port may be under way before the port has to keep them: what the
    /// system's send buffer is for a socket. Default: without bound.
    pub fn window(&self, datagrams: usize) {
        self.net.window.set(datagrams.max(1));
    }

    /// Runs until nothing moves, without letting time pass.
    pub fn run(&self) {
        self.clock.run();
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// The clock that all ports live on.
    pub fn clock(&self) -> &Rc<ManualClock> {
        &self.clock
    }

    /// The reactor drains: every protocol hears
    /// [`shutting_down`](crate::DatagramProtocol::shutting_down), and
    /// [`is_draining`](crate::DatagramTransport::is_draining) is true from now on.
    pub fn drain(&self) {
        self.ask(true);
    }

    /// The reactor ends: every protocol hears
    /// [`shutting_down`](crate::DatagramProtocol::shutting_down).
    pub fn shut_down(&self) {
        self.ask(false);
    }

    fn ask(&self, drains: bool) {
        self.net.commons.draining().set(drains);
        for port in self.net.all() {
            port.shut_down();
        }
        self.run();
    }
}

impl ReactorUdp for DatagramNetwork {
    fn listen_datagrams(
        &self,
        options: UdpListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        let settings = options.settings.clone();
        let wanted = Address::Udp(options.address);
        let port = DatagramPort::new(
            MemoryDatagrams::new(Rc::downgrade(&self.net), options),
            protocol,
            self.net.clock.clone(),
            self.net.commons.clone(),
            settings,
            wanted,
        );
        port.start()?;
        Ok(ListeningPort::new(port, &self.net.kept_ports))
    }
}

impl Net {
    fn all(&self) -> Vec<Rc<DatagramPort<MemoryDatagrams>>> {
        self.ports.borrow().clone()
    }

    /// Opens a port: on a free number, if it is 0.
    pub(super) fn open(
        &self,
        port: &Rc<DatagramPort<MemoryDatagrams>>,
        mut address: SocketAddr,
    ) -> Result<SocketAddr, ListenError> {
        if address.port() == 0 {
            address.set_port(self.next_port.get());
            self.next_port.set(self.next_port.get() + 1);
        }
        let shares = |other: &MemoryDatagrams| {
            other.options.reuse_address && port.wire.options.reuse_address
        };
        let taken = self
            .all()
            .iter()
            .any(|other| other.wire.bound.get() == address && !shares(&other.wire));
        if taken {
            let error = io::ErrorKind::AddrInUse.into();
            return Err(ListenError::AddressInUse(Address::Udp(address), error));
        }
        self.ports.borrow_mut().push(port.clone());
        Ok(address)
    }

    pub(super) fn close(&self, wire: &MemoryDatagrams) {
        let mut ports = self.ports.borrow_mut();
        let index = ports
            .iter()
            .position(|port| std::ptr::eq(&raw const port.wire, wire));
        let closed = index.map(|index| ports.remove(index));
        drop(ports);
        drop(closed);
    }

    pub(super) fn fate(&self, passing: &Passing<'_>) -> Fate {
        let fates = self.fates.borrow_mut().take();
        let Some(mut fates) = fates else {
            return Fate::Arrives;
        };
        let fate = fates(passing);
        // Unless they were replaced in the call.
        self.fates.borrow_mut().get_or_insert(fates);
        fate
    }

    /// A datagram has come to its destination. False if no port is open there.
    pub(super) fn arrive(
        &self,
        from: SocketAddr,
        to: SocketAddr,
        data: &[u8],
        loops: bool,
    ) -> bool {
        let is_for_many = to.ip().is_multicast() || to.ip() == IpAddr::V4(Ipv4Addr::BROADCAST);
        let mut found = false;
        for port in self.all() {
            let own = port.wire.source() == from;
            if port.wire.accepts(from, to) && (!own || loops || !is_for_many) {
                found = true;
                port.wire.put(data, from);
                port.ready(true, false);
                if !is_for_many {
                    break;
                }
            }
        }
        found || is_for_many
    }
}

impl Drop for DatagramNetwork {
    /// As at the end of a reactor: every protocol that was started hears `stop_protocol`.
    fn drop(&mut self) {
        for port in self.net.all() {
            port.close(Reason::ReactorStopped);
        }
        self.clock.turn();
    }
}

impl fmt::Debug for DatagramNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports = self.net.all();
        let addresses = ports.iter().map(|port| port.wire.bound.get());
        f.debug_struct("DatagramNetwork")
            .field("ports", &addresses.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
