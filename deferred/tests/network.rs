//! Factories that connect by the name of a host.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use retwist_deferred::{
    Backoff, Deferred, DialError, HostPort, IntoHostPort, Network, Promise, Reconnecting,
    ResolveError,
};
use retwist_reactor::testing::{MemoryReactor, Pair};
use retwist_reactor::{
    Address, AddressError, ConnectError, Connector, ConnectorState, Factory, IntoProtocol,
    Protocol, Reason, TcpListen, TransportRef, factory,
};

type Log = Rc<RefCell<Vec<String>>>;
type Addresses = Vec<SocketAddr>;

const HERE: [u8; 4] = [192, 0, 2, 1];

struct Server;

impl Protocol for Server {}

struct Client(Log);

impl Protocol for Client {
    fn connection_made(&mut self, transport: &TransportRef) {
        let peer = transport.peer();
        self.0.borrow_mut().push(format!("made with {peer}"));
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.0.borrow_mut().push(format!("protocol: {reason}"));
    }
}

/// Notes all that a client's factory hears; may refuse, and may connect again.
#[derive(Default)]
struct Clients {
    log: Log,
    refuses: bool,
    again: Cell<bool>,
    connector: RefCell<Option<Connector>>,
}

impl Clients {
    fn note(&self, what: String) {
        self.log.borrow_mut().push(what);
    }

    fn connect_again(&self, connector: &Connector) {
        if self.again.take() {
            connector.connect();
        }
    }
}

impl Factory for Clients {
    fn build_protocol(self: &Rc<Self>, peer: &Address) -> impl IntoProtocol {
        self.note(format!("build for {peer}"));
        (!self.refuses).then(|| Client(self.log.clone()))
    }

    fn start_factory(self: &Rc<Self>) {
        self.note("start".into());
    }

    fn stop_factory(self: &Rc<Self>) {
        self.note("stop".into());
    }

    fn started_connecting(self: &Rc<Self>, connector: &Connector) {
        self.note(format!("connecting to {}", connector.destination()));
        *self.connector.borrow_mut() = Some(connector.clone());
    }

    fn client_connection_failed(self: &Rc<Self>, connector: &Connector, error: &ConnectError) {
        self.note(format!("failed: {error}"));
        self.connect_again(connector);
    }

    fn client_connection_lost(self: &Rc<Self>, connector: &Connector, reason: &Reason) {
        self.note(format!("lost: {reason}"));
        self.connect_again(connector);
    }
}

/// A network whose look-ups the test answers.
struct World {
    reactor: Rc<MemoryReactor>,
    network: Network,
    asked: Rc<RefCell<Vec<Promise<Addresses, ResolveError>>>>,
}

impl World {
    fn new() -> Self {
        let reactor = Rc::new(MemoryReactor::new());
        let listen = TcpListen::address((HERE, 25).into());
        reactor.listen_tcp(listen, |_| Server).unwrap();
        let asked: Rc<RefCell<Vec<_>>> = Rc::default();
        let asks = asked.clone();
        let resolver = move |host: &str, port: u16| {
            assert_eq!((host, port), ("example.org", 25));
            let (promise, addresses) = Deferred::new();
            asks.borrow_mut().push(promise);
            addresses
        };
        World {
            network: Network::with(reactor.clone(), Rc::new(resolver)),
            reactor,
            asked,
        }
    }

    fn resolve(&self) {
        let promise = self.asked.borrow_mut().remove(0);
        assert!(promise.callback(vec![(HERE, 25).into()]));
    }

    fn succeed(&self) -> Pair {
        self.resolve();
        let pending = self.reactor.connecting().remove(0);
        let pair = self.reactor.complete(&pending).unwrap();
        pair.run();
        pair
    }

    fn connect(&self, clients: &Rc<Clients>) -> Connector {
        self.network
            .connect_tcp_factory("example.org:25", clients.clone())
            .unwrap()
    }

    /// No attempt is running, and no timer is left.
    fn is_quiet(&self) -> bool {
        self.reactor.clock().run();
        self.reactor.connecting().is_empty() && self.reactor.clock().pending_calls() == 0
    }
}

#[test]
fn a_factory_hears_all_of_a_connection_by_name() {
    let world = World::new();
    let clients = Rc::new(Clients::default());
    clients.again.set(true);
    let connector = world.connect(&clients);
    assert_eq!(connector.state(), ConnectorState::Connecting);
    let pair = world.succeed();
    assert_eq!(connector.state(), ConnectorState::Connected);
    pair.server().lose_connection();
    pair.run();
    // The factory has connected again, with a new look-up.
    assert_eq!(connector.state(), ConnectorState::Connecting);
    assert_eq!(world.asked.borrow().len(), 1);
    let pair = world.succeed();
    connector.disconnect();
    pair.run();
    let once = [
        "connecting to example.org:25",
        "build for server",
        "made with server",
        "protocol: connection closed cleanly",
        "lost: connection closed cleanly",
    ];
    let mut expected = vec!["start"];
    expected.extend(once);
    expected.extend(once);
    expected.push("stop");
    assert_eq!(*clients.log.borrow(), expected);
    assert!(world.is_quiet());
}

#[test]
fn failures_are_told() {
    let world = World::new();
    let clients = Rc::new(Clients::default());
    world.connect(&clients);
    let promise = world.asked.borrow_mut().remove(0);
    promise.errback(ResolveError::NoAddress("example.org".into()));
    assert_eq!(clients.log.borrow().len(), 2, "not inside the call");
    world.reactor.clock().run();
    assert_eq!(
        clients.log.borrow()[2..],
        ["failed: example.org has no address", "stop"]
    );

    clients.log.borrow_mut().clear();
    world.connect(&clients);
    world.resolve();
    world.reactor.connecting()[0].fail(ConnectError::TimedOut(Duration::from_secs(30)));
    world.reactor.clock().run();
    let log = clients.log.borrow();
    assert!(
        log[2].contains("192.0.2.1:25: no answer within 30 s"),
        "{log:?}"
    );
    drop(log);
    assert!(world.is_quiet());
}

#[test]
fn a_connector_stops_while_it_looks_up_and_while_it_connects() {
    for resolved in [false, true] {
        let world = World::new();
        let clients = Rc::new(Clients::default());
        let connector = world.connect(&clients);
        if resolved {
            world.resolve();
        }
        assert!(connector.stop_connecting());
        assert_eq!(clients.log.borrow().len(), 2, "not inside the call");
        assert!(world.is_quiet());
        assert_eq!(
            clients.log.borrow()[2..],
            ["failed: connecting was cancelled", "stop"]
        );
        assert_eq!(connector.state(), ConnectorState::Disconnected);
    }
}

#[test]
fn a_factory_may_refuse() {
    let world = World::new();
    let clients = Rc::new(Clients {
        refuses: true,
        ..Clients::default()
    });
    world.connect(&clients);
    let pair = world.succeed();
    assert!(!pair.server().is_connected());
    assert!(world.is_quiet());
    assert_eq!(
        clients.log.borrow()[2..],
        [
            "build for server",
            "failed: the factory refused the connection",
            "stop"
        ]
    );
}

/// A factory that keeps its connector frees with it.
#[test]
fn nothing_is_left_of_a_connection_by_name() {
    let world = World::new();
    let clients = Rc::new(Clients::default());
    let gone = Rc::downgrade(&clients);
    let connector = world.connect(&clients);
    drop(clients);
    let pair = world.succeed();
    assert!(gone.upgrade().is_some());
    pair.server().abort_connection();
    pair.run();
    assert!(world.is_quiet());
    drop((pair, connector));
    assert!(gone.upgrade().is_none());
}

#[test]
fn a_reconnecting_factory_connects_by_name_and_reaches_its_retries() {
    struct Member(retwist_deferred::Retries);
    impl Protocol for Member {
        fn connection_lost(&mut self, _: &Reason) {
            self.0.stop_trying();
        }
    }
    let world = World::new();
    let members = Reconnecting::with_retries(|retries| {
        retries.set_backoff(Backoff {
            factor: 1.0,
            jitter: Duration::ZERO,
            ..Backoff::default()
        });
        factory(move |_| Member(retries.clone()))
    });
    world
        .network
        .connect_tcp_factory(("example.org", 25), members)
        .unwrap();
    world.asked.borrow_mut().clear();
    world.reactor.clock().run();
    assert!(world.asked.borrow().is_empty());
    world.reactor.clock().advance(Duration::from_secs(1));
    let pair = world.succeed();
    pair.server().lose_connection();
    pair.run();
    world.reactor.clock().advance(Duration::from_secs(60));
    assert!(world.asked.borrow().is_empty(), "it has stopped trying");
    assert!(world.is_quiet());
}

#[test]
fn hosts_and_ports() {
    let read = |text: &str| text.parse::<HostPort>().map(|to| to.to_string());
    for text in [
        "example.org:25",
        "192.0.2.1:25",
        "[2001:db8::1]:25",
        "bücher.example:0",
        "localhost:65535",
    ] {
        assert_eq!(read(text).as_deref(), Ok(text));
    }
    let scoped = HostPort::from("[fe80::1%3]:25".parse::<SocketAddr>().unwrap());
    assert_eq!((scoped.host(), scoped.port()), ("fe80::1%3", 25));
    for text in ["example.org", "192.0.2.1", "::1", "2001:db8::1"] {
        assert_eq!(
            read(text),
            Err(AddressError::MissingPort(text.into())),
            "{text}"
        );
    }
    for text in ["example.org:", ":25", "a:b:25", "example.org:65536", "a:-1"] {
        assert_eq!(
            read(text),
            Err(AddressError::Malformed(text.into())),
            "{text}"
        );
    }
    let world = World::new();
    assert!(world.network.connect_tcp("nowhere", |_| Server).is_err());
    let mut failed = world.network.connect("nowhere");
    assert!(matches!(
        failed.take(),
        Some(Err(retwist_deferred::Failure::Error(DialError::Address(_))))
    ));
}

#[test]
fn the_address_of_a_port_is_a_host_with_a_port() {
    let text = |to: &Address| HostPort::to_string(&to.into_host_port().unwrap());
    let address = SocketAddr::from((HERE, 80));
    assert_eq!(text(&Address::Tcp(address)), "192.0.2.1:80");
    assert_eq!(text(&Address::Host("::1".into(), 80)), "[::1]:80");
    let memory = Address::Memory("the other side".into());
    let error = memory.into_host_port().unwrap_err();
    assert!(
        error.to_string().contains("is not an IP address"),
        "{error}"
    );
}
