#[cfg(unix)]
mod adoption;
mod lifecycle;
#[cfg(unix)]
mod process;
mod stats;
#[cfg(unix)]
mod stdio;
mod threads;
#[cfg(unix)]
mod unix;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};

use super::clock::ManualClock;
use super::datagrams::DatagramNetwork;
use super::pair::{Pair, Side};
use super::pending_connection::{MemoryDialer, PendingConnection};
use super::port::{End, MemoryPort, Place};
use super::wire::{MemoryWire, Whose};
use crate::core::connector::{ConnectOptions, OwnedConnector};
use crate::core::lifecycle::Triggers;
use crate::heart::draining::Draining;
use crate::heart::port::{KeptPorts, Listening};
use crate::stream::Stream;
use crate::{
    Address, Clock, ConnectError, Connector, DatagramProtocolRef, FactoryRef, ListenError,
    ListeningPort, ProtocolRef, ReactorState, ReactorTcp, ReactorUdp, StreamSettings, TcpConnect,
    TcpListen, UdpListen,
};

use lifecycle::Drain;
use threads::Jobs;

/// A reactor without a network: records what was listened on and connected to, and makes the
/// connections that a test asks for, with [`accept`](MemoryReactor::accept) and
/// [`complete`](MemoryReactor::complete). It opens no socket, and makes no file.
///
/// It has everything that a [`FullReactor`](crate::FullReactor) has: TCP, UNIX sockets, datagrams, child
/// processes, standard input and output, timers, threads, the beginning and the end. It cannot watch
/// descriptors and signals, or make streams of descriptors, since these are of the system: a program
/// that does so ([`watch`](crate::ReactorHandle::watch),
/// [`on_signal`](crate::ReactorHandle::on_signal), [`ReactorDescriptors`](crate::ReactorDescriptors))
/// takes a [`ReactorHandle`](crate::ReactorHandle), and its test a [`Reactor`](crate::Reactor) with a
/// pipe.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::testing::MemoryReactor;
/// use retwist::{Protocol, ReactorTcp, TransportRef};
///
/// struct Daytime;
/// impl Protocol for Daytime {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         transport.write(b"noon\r\n");
///         transport.lose_connection();
///     }
///     fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
/// }
///
/// fn serve(reactor: &dyn ReactorTcp) {
///     reactor.listen_tcp(13, |_| Daytime).unwrap();
/// }
///
/// let reactor = MemoryReactor::new();
/// serve(&reactor);
/// assert_eq!(reactor.listening()[0].requested_addr().port(), 13);
/// ```
#[doc(alias = "MemoryReactorClock")]
pub struct MemoryReactor {
    clock: Rc<ManualClock>,
    ports: RefCell<Vec<Rc<MemoryPort>>>,
    kept_ports: Rc<KeptPorts>,
    dialled: Rc<RefCell<Vec<PendingConnection>>>,
    made: RefCell<Vec<stats::Made>>,
    jobs: Rc<Jobs>,
    triggers: Triggers,
    state: Cell<ReactorState>,
    /// It was told to stop.
    stops: Cell<bool>,
    draining: Draining,
    /// How it was told to drain, if it was.
    drain: Cell<Option<Drain>>,
    /// The connections that its ports have accepted, for as long as the test keeps them.
    accepted: RefCell<Vec<Weak<Stream<MemoryWire>>>>,
    #[cfg(unix)]
    dialled_unix: Rc<RefCell<Vec<PendingConnection<crate::UnixConnect>>>>,
    #[cfg(unix)]
    dialled_processes: Rc<RefCell<Vec<PendingConnection<crate::Program>>>>,
    #[cfg(unix)]
    spawned: RefCell<Vec<super::MemoryProcess>>,
    #[cfg(unix)]
    spawn_error: RefCell<Option<crate::SpawnError>>,
    #[cfg(unix)]
    next_pid: std::cell::Cell<u32>,
    #[cfg(unix)]
    unix_datagrams: Rc<super::datagrams::UnixDatagrams>,
    /// Last: when it is dropped, it tells all protocols of datagrams that their ports are closed.
    datagrams: DatagramNetwork,
}

impl MemoryReactor {
    /// A reactor that has been asked for nothing yet.
    #[allow(clippy::new_without_default, reason = "a reactor is made on purpose")]
    pub fn new() -> Self {
        MemoryReactor::on(&Rc::new(ManualClock::new()))
    }

    /// One on this clock, which others may share: the hosts of a network.
    /// [`complete_on`](MemoryReactor::complete_on) connects them.
    pub fn on(clock: &Rc<ManualClock>) -> Self {
        MemoryReactor {
            datagrams: DatagramNetwork::on(clock),
            #[cfg(unix)]
            unix_datagrams: super::datagrams::UnixDatagrams::on(Clock::clone(clock)),
            clock: clock.clone(),
            ports: RefCell::default(),
            kept_ports: Rc::default(),
            dialled: Rc::default(),
            made: RefCell::default(),
            jobs: Rc::default(),
            triggers: Triggers::by_hand(),
            state: Cell::new(ReactorState::Idle),
            stops: Cell::new(false),
            draining: Draining::default(),
            drain: Cell::new(None),
            accepted: RefCell::default(),
            #[cfg(unix)]
            dialled_unix: Rc::default(),
            #[cfg(unix)]
            dialled_processes: Rc::default(),
            #[cfg(unix)]
            spawned: RefCell::default(),
            #[cfg(unix)]
            spawn_error: RefCell::default(),
            #[cfg(unix)]
            next_pid: std::cell::Cell::new(1000),
        }
    }

    /// Its clock.
    pub fn clock(&self) -> &Rc<ManualClock> {
        &self.clock
    }

    /// The network of its datagram ports: what code under test opens with
    /// [`ReactorUdp`], and a test opens beside it, reach each other.
    #[doc(alias = "udpPorts")]
    pub fn datagrams(&self) -> &DatagramNetwork {
        &self.datagrams
    }

    /// Returns the TCP ports that listen now, in the order of asking.
    #[doc(alias = "tcpServers")]
    pub fn listening(&self) -> Vec<TcpListen> {
        let ports = self.ports.borrow();
        let listening = ports.iter().filter(|port| port.is_listening());
        let tcp = listening.filter_map(|port| match port.place() {
            Place::Tcp(options, _) => Some(options.clone()),
            #[cfg(unix)]
            Place::Unix(_) | Place::StandardIo(_) => None,
        });
        tcp.collect()
    }

    /// The connections over TCP that are being made now, in the order of asking. Each waits for the test to
    /// say how it goes.
    #[doc(alias = "tcpClients")]
    pub fn connecting(&self) -> Vec<PendingConnection> {
        let mut dialled = self.dialled.borrow_mut();
        dialled.retain(PendingConnection::is_pending);
        dialled.clone()
    }

    /// Connects `client` to the port that listens on `address`. Returns `None` if no port does, if the
    /// port is paused, or if its factory refuses.
    ///
    /// As on a machine, a port of `0.0.0.0` takes what comes for any IPv4 address, and a port of `::`
    /// what comes for any address at all, unless it is [`v6_only`](TcpListen::v6_only).
    pub fn accept(&self, address: &Address, client: impl Into<ProtocolRef>) -> Option<Pair> {
        let port = self.port_for(address)?;
        if port.is_paused() {
            return None;
        }
        let server = port.build(&self.clock, &self.draining)?;
        let client = End::new(client.into(), StreamSettings::client());
        let pair = Pair::owned(&self.clock, client, server);
        self.accepted(&pair);
        self.note(pair.examined(Side::Server));
        Some(pair)
    }

    /// Makes the connection, with the port that listens here on its destination. If no port does, the
    /// connection is refused; while that port is paused, nothing happens. Both return `None`.
    pub fn complete<O: ConnectOptions>(&self, pending: &PendingConnection<O>) -> Option<Pair> {
        self.complete_on(pending, self)
    }

    /// [`complete`](MemoryReactor::complete) with the port that listens on another host. Both have the
    /// same [clock](MemoryReactor::on).
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// use std::rc::Rc;
    /// use retwist::testing::{ManualClock, MemoryReactor};
    /// # use retwist::{Protocol, TransportRef};
    /// # struct Echo;
    /// # impl Protocol for Echo {
    /// #     fn data_received(&mut self, t: &TransportRef, data: &[u8]) { t.write(data) }
    /// # }
    ///
    /// let clock = Rc::new(ManualClock::new());
    /// let [server, client] = [(); 2].map(|()| MemoryReactor::on(&clock));
    /// let port = server.listen_tcp(7, |_| Echo)?;
    /// client.connect_tcp(([127, 0, 0, 1], 7), |_| Echo);
    /// let pending = client.connecting().remove(0);
    /// let pair = client.complete_on(&pending, &server).unwrap();
    /// assert_eq!(port.connections(), 1);
    /// # Ok::<(), retwist::ListenError>(())
    /// ```
    pub fn complete_on<O: ConnectOptions>(
        &self,
        pending: &PendingConnection<O>,
        host: &MemoryReactor,
    ) -> Option<Pair> {
        let destination = pending.options().destination();
        let port = host.port_for(&destination);
        if port.as_ref().is_some_and(|port| port.is_paused()) {
            return None;
        }
        let Some(server) = port.and_then(|port| port.build(&self.clock, &host.draining)) else {
            let refused = std::io::ErrorKind::ConnectionRefused;
            pending.fail(ConnectError::ConnectionRefused(refused.into()));
            self.clock.run();
            return None;
        };
        let pair = self.connect_pending(pending, server)?;
        host.accepted(&pair);
        host.note(pair.examined(Side::Server));
        Some(pair)
    }

    /// Makes the connection, with `peer` at the other end, whatever listens here. Returns `None` if
    /// it has an outcome already, and if its factory refuses.
    pub fn complete_with<O: ConnectOptions>(
        &self,
        pending: &PendingConnection<O>,
        peer: impl Into<ProtocolRef>,
    ) -> Option<Pair> {
        self.connect_pending(pending, End::new(peer.into(), StreamSettings::default()))
    }

    fn connect_pending<O: ConnectOptions>(
        &self,
        pending: &PendingConnection<O>,
        server: End,
    ) -> Option<Pair> {
        let destination = pending.options().destination();
        let connector = pending.take()?;
        let Some(client) = connector.factory().build_protocol(&destination) else {
            connector.failed(&ConnectError::Refused);
            return None;
        };
        let owner: Rc<dyn crate::stream::Owner> = connector.clone();
        let client = End::new(client, pending.options().bounds()).of(Whose::Code);
        let client = client.owned_by(owner).draining(&self.draining);
        let pair = Pair::owned(&self.clock, client, server);
        self.note(pair.examined(Side::Client));
        connector.connected(pair.client_channel());
        Some(pair)
    }

    fn accepted(&self, pair: &Pair) {
        let mut accepted = self.accepted.borrow_mut();
        accepted.retain(|stream| stream.strong_count() > 0);
        accepted.push(pair.server_stream());
    }

    fn open(&self, port: Rc<MemoryPort>) -> Result<ListeningPort, ListenError> {
        if self
            .ports
            .borrow()
            .iter()
            .any(|other| other.excludes(&port))
        {
            let error = std::io::ErrorKind::AddrInUse.into();
            return Err(ListenError::AddressInUse(port.address(), error));
        }
        port.start()?;
        self.ports.borrow_mut().push(port.clone());
        Ok(ListeningPort::new(port, &self.kept_ports))
    }

    /// The port that the system would choose: one of this very address comes before one of all.
    fn port_for(&self, address: &Address) -> Option<Rc<MemoryPort>> {
        let ports = self.ports.borrow();
        let taking = ports.iter().filter(|port| port.takes(address));
        taking.min_by_key(|port| port.generality()).cloned()
    }
}

impl ReactorTcp for MemoryReactor {
    fn listen(
        &self,
        options: TcpListen,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        let mut address = options.requested_addr();
        if address.port() == 0 {
            // As the system would: a port that is free.
            let used = u16::try_from(self.ports.borrow().len()).unwrap_or(0);
            address.set_port(40_000 + used);
        }
        self.open(MemoryPort::new(Place::Tcp(options, address), factory))
    }

    fn connect(&self, options: TcpConnect, factory: FactoryRef) -> Connector {
        let destination = options.requested_addr().into();
        let dialer = MemoryDialer::new(options, self.time(), &self.dialled);
        OwnedConnector::new(destination, factory, self.time(), dialer).begin()
    }

    fn time(&self) -> Clock {
        Clock::clone(&self.clock)
    }
}

impl ReactorUdp for MemoryReactor {
    fn listen_datagrams(
        &self,
        options: UdpListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        self.datagrams.listen_datagrams(options, protocol)
    }
}

impl fmt::Debug for MemoryReactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryReactor")
            .field("listening", &self.listening())
            .field("connecting", &self.connecting())
            .finish_non_exhaustive()
    }
}
