use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};

use super::clock::ManualClock;
use super::datagrams::DatagramNetwork;
use super::pair::Pair;
use crate::connector::{Attempt, Dialer};
use crate::port::Listening;
use crate::{
    Address, Clock, ConnectError, Connector, DatagramProtocolRef, DelayedCall, FactoryRef,
    IntoFactory, IntoProtocol, ListenError, ListeningPort, ProtocolRef, ReactorTcp, ReactorUdp,
    TcpConnect, TcpListen, UdpListen, factory,
};

/// A reactor without a network: records what was listened on and connected to, and makes the
/// connections that a test asks for.
///
/// ```
/// use retwist_reactor::testing::MemoryReactor;
/// use retwist_reactor::{Protocol, ReactorTcp, TransportRef};
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
/// assert_eq!(reactor.listening()[0].wanted().port(), 13);
/// ```
#[doc(alias = "MemoryReactorClock")]
pub struct MemoryReactor {
    clock: Rc<ManualClock>,
    ports: RefCell<Vec<Rc<MemoryPort>>>,
    dialled: Rc<RefCell<Vec<PendingConnection>>>,
    datagrams: DatagramNetwork,
}

impl MemoryReactor {
    /// A reactor that has been asked for nothing yet.
    #[allow(clippy::new_without_default, reason = "a reactor is made on purpose")]
    pub fn new() -> Self {
        let clock = Rc::new(ManualClock::new());
        MemoryReactor {
            datagrams: DatagramNetwork::on(&clock),
            clock,
            ports: RefCell::default(),
            dialled: Rc::default(),
        }
    }

    /// Accepts connections on a TCP port: `8007`, an address, or a [`TcpListen`]. `build` makes the
    /// protocol of each connection from the address of its peer: anything that [`IntoProtocol`]
    /// lists, so that `None` refuses the connection.
    ///
    /// No socket is opened: [`accept`](MemoryReactor::accept) and
    /// [`complete`](MemoryReactor::complete) make the connections.
    #[doc(alias = "listenTCP")]
    pub fn listen_tcp<P: IntoProtocol>(
        &self,
        address: impl Into<TcpListen>,
        build: impl Fn(&Address) -> P + 'static,
    ) -> Result<ListeningPort, ListenError> {
        self.listen_tcp_factory(address, factory(build))
    }

    /// [`listen_tcp`](MemoryReactor::listen_tcp) with a [`Factory`](crate::Factory), or an `Rc` of one.
    pub fn listen_tcp_factory(
        &self,
        address: impl Into<TcpListen>,
        factory: impl IntoFactory,
    ) -> Result<ListeningPort, ListenError> {
        self.listen(address.into(), factory.into_factory())
    }

    /// Connects to an address, or as a [`TcpConnect`] says, once
    /// [`complete`](MemoryReactor::complete) is called. `build` makes the protocol of
    /// the connection once it is made; it is called again if the [`Connector`] connects again.
    #[doc(alias = "connectTCP")]
    pub fn connect_tcp<P: IntoProtocol>(
        &self,
        address: impl Into<TcpConnect>,
        build: impl Fn(&Address) -> P + 'static,
    ) -> Connector {
        self.connect_tcp_factory(address, factory(build))
    }

    /// [`connect_tcp`](MemoryReactor::connect_tcp) with a [`Factory`](crate::Factory), or an `Rc` of one, which
    /// also hears how it goes.
    pub fn connect_tcp_factory(
        &self,
        address: impl Into<TcpConnect>,
        factory: impl IntoFactory,
    ) -> Connector {
        self.connect(address.into(), factory.into_factory())
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

    /// What is listened on now, in the order of asking.
    #[doc(alias = "tcpServers")]
    pub fn listening(&self) -> Vec<TcpListen> {
        let ports = self.ports.borrow();
        let open = ports.iter().filter(|port| port.open.get());
        open.map(|port| port.how.clone()).collect()
    }

    /// The connections that are being made now, in the order of asking. Each waits for the test to
    /// say how it goes.
    #[doc(alias = "tcpClients")]
    pub fn connecting(&self) -> Vec<PendingConnection> {
        let mut dialled = self.dialled.borrow_mut();
        dialled.retain(PendingConnection::is_pending);
        dialled.clone()
    }

    /// `client` connects to the port that listens on `address`. None if none does, if it is paused,
    /// or if its factory refuses.
    pub fn accept(&self, address: &Address, client: impl Into<ProtocolRef>) -> Option<Pair> {
        let port = self.port(address).filter(|port| !port.paused.get())?;
        let (protocol, how) = port.build()?;
        let client_settings = TcpConnect::address(how.wanted()).settings;
        Some(Pair::with_settings(
            &self.clock,
            client,
            client_settings,
            protocol,
            how.settings,
        ))
    }

    /// The connection is made, with whoever listens here on its destination. None, and a failure,
    /// if nobody does; none, and nothing happens, while that port is paused.
    pub fn complete(&self, pending: &PendingConnection) -> Option<Pair> {
        let port = self.port(&pending.how.wanted().into());
        if port.as_ref().is_some_and(|port| port.paused.get()) {
            return None;
        }
        let Some((server, how)) = port.and_then(|port| port.build()) else {
            pending.fail(ConnectError::ConnectionRefused(
                std::io::ErrorKind::ConnectionRefused.into(),
            ));
            self.clock.run();
            return None;
        };
        let connector = pending.take()?;
        let peer = pending.how.wanted().into();
        let Some(client) = connector.factory().build_protocol(&peer) else {
            connector.failed(&ConnectError::Refused);
            return None;
        };
        let owner: Rc<dyn crate::stream::Owner> = Rc::new(connector.clone());
        let pair = Pair::owned(
            &self.clock,
            (client, pending.how.settings.clone(), Some(owner)),
            (server, how.settings),
        );
        connector.connected(pair.client_channel());
        Some(pair)
    }

    /// The port that listens on this address.
    fn port(&self, address: &Address) -> Option<Rc<MemoryPort>> {
        let ports = self.ports.borrow();
        let mut open = ports.iter().filter(|port| port.open.get());
        open.find(|port| port.address() == *address).cloned()
    }
}

impl ReactorTcp for MemoryReactor {
    fn listen(&self, how: TcpListen, factory: FactoryRef) -> Result<ListeningPort, ListenError> {
        let mut address = how.wanted();
        if address.port() == 0 {
            // As the system would: one that nobody uses.
            let used = u16::try_from(self.ports.borrow().len()).unwrap_or(0);
            address.set_port(40_000 + used);
        }
        let taken = |port: &Rc<MemoryPort>| port.open.get() && port.bound == address;
        if self.ports.borrow().iter().any(taken) {
            let error = std::io::ErrorKind::AddrInUse.into();
            return Err(ListenError::AddressInUse(address, error));
        }
        let port = Rc::new(MemoryPort {
            how,
            bound: address,
            factory,
            open: Cell::new(false),
            paused: Cell::new(false),
        });
        port.start()?;
        self.ports.borrow_mut().push(port.clone());
        Ok(ListeningPort::new(port))
    }

    fn connect(&self, how: TcpConnect, factory: FactoryRef) -> Connector {
        let destination = how.wanted().into();
        let dialer = MemoryDialer {
            how,
            clock: Clock::clone(&self.clock),
            dialled: Rc::downgrade(&self.dialled),
        };
        let connector = Connector::new(destination, factory, dialer);
        // A new connector is neither busy nor without a reactor.
        let _ = connector.connect();
        connector
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

/// A connection that code under test is making.
#[derive(Clone)]
pub struct PendingConnection {
    how: TcpConnect,
    clock: Clock,
    /// None once it is made, has failed or was cancelled.
    waiting: Rc<RefCell<Option<Waiting>>>,
}

struct Waiting {
    connector: Connector,
    timeout: DelayedCall,
}

impl PendingConnection {
    /// How the code wants to connect.
    pub fn how(&self) -> &TcpConnect {
        &self.how
    }

    /// Whether it still waits for an outcome.
    pub fn is_pending(&self) -> bool {
        self.waiting.borrow().is_some()
    }

    /// It fails, in the next turn.
    pub fn fail(&self, error: ConnectError) {
        if let Some(connector) = self.take() {
            self.clock.call_soon(move || connector.failed(&error));
        }
    }
}

impl PendingConnection {
    /// The outcome is there.
    fn take(&self) -> Option<Connector> {
        let waiting = self.waiting.take()?;
        // Gone only if it is the outcome.
        let _ = waiting.timeout.cancel();
        Some(waiting.connector)
    }
}

impl Attempt for PendingConnection {
    fn cancel(&self) {
        self.fail(ConnectError::Cancelled);
    }
}

struct MemoryDialer {
    how: TcpConnect,
    clock: Clock,
    dialled: Weak<RefCell<Vec<PendingConnection>>>,
}

impl Dialer for MemoryDialer {
    fn dial(&self, connector: &Connector) -> Option<Box<dyn Attempt>> {
        let pending = PendingConnection {
            how: self.how.clone(),
            clock: self.clock.clone(),
            waiting: Rc::default(),
        };
        let timed = pending.clone();
        let timeout = self.clock.call_later(self.how.timeout, move || {
            let timeout = timed.how.timeout;
            timed.fail(ConnectError::TimedOut(timeout));
        });
        *pending.waiting.borrow_mut() = Some(Waiting {
            connector: connector.clone(),
            timeout,
        });
        self.dialled.upgrade()?.borrow_mut().push(pending.clone());
        Some(Box::new(pending))
    }
}

struct MemoryPort {
    how: TcpListen,
    bound: SocketAddr,
    factory: FactoryRef,
    open: Cell<bool>,
    paused: Cell<bool>,
}

impl MemoryPort {
    /// A protocol for a client in memory, and the settings of its connection.
    fn build(&self) -> Option<(ProtocolRef, TcpListen)> {
        let client = Address::Memory("client".into());
        Some((self.factory.build_protocol(&client)?, self.how.clone()))
    }
}

impl Listening for MemoryPort {
    fn start(&self) -> Result<(), ListenError> {
        if self.open.replace(true) {
            return Err(ListenError::AlreadyListening);
        }
        self.paused.set(false);
        self.factory.start();
        Ok(())
    }

    fn stop(&self) {
        if self.open.replace(false) {
            self.factory.stop();
        }
    }

    fn is_listening(&self) -> bool {
        self.open.get()
    }

    fn pause(&self) {
        self.paused.set(true);
    }

    fn resume(&self) {
        self.paused.set(false);
    }

    fn address(&self) -> Address {
        self.bound.into()
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

impl fmt::Debug for PendingConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingConnection")
            .field("how", &self.how)
            .field("pending", &self.is_pending())
            .finish_non_exhaustive()
    }
}
