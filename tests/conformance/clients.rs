//! Connecting: how it fails, how it is given up, and how it is tried again.

use std::cell::{Cell, RefCell};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::time::Duration;

use retwist::{
    Address, AddressError, ConnectError, Connector, ConnectorState, Factory, IntoProtocol, Reactor,
    Reason, TcpConnect, TcpListen,
};

use crate::lifecycle::{Log, reactor, until};
use retwist_conformance::streams::Peer;

type Hook = Box<dyn Fn(&Connector)>;

/// Logs what it hears, and calls the hook of a case when a connection has failed or is lost.
struct Client {
    log: Log,
    peer: Option<Peer>,
    failures: Rc<RefCell<Vec<String>>>,
    built: Hook,
    over: Hook,
    connector: RefCell<Option<Connector>>,
}

impl Client {
    fn new(log: &Log, peer: Option<&Peer>) -> Self {
        Client {
            log: log.clone(),
            peer: peer.cloned(),
            failures: Rc::default(),
            built: Box::new(|_| ()),
            over: Box::new(|_| ()),
            connector: RefCell::default(),
        }
    }

    fn when_built(mut self, hook: impl Fn(&Connector) + 'static) -> Self {
        self.built = Box::new(hook);
        self
    }

    fn when_over(mut self, hook: impl Fn(&Connector) + 'static) -> Self {
        self.over = Box::new(hook);
        self
    }
}

impl Factory for Client {
    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        self.log.say("build");
        (self.built)(self.connector.borrow().as_ref().unwrap());
        self.peer.as_ref().map(Peer::quiet)
    }

    fn start_factory(self: &Rc<Self>) {
        self.log.say("start");
    }

    fn stop_factory(self: &Rc<Self>) {
        self.log.say("stop");
    }

    fn started_connecting(self: &Rc<Self>, connector: &Connector) {
        assert_eq!(connector.state(), ConnectorState::Connecting);
        self.connector.replace(Some(connector.clone()));
        self.log.say("connecting");
    }

    fn client_connection_failed(self: &Rc<Self>, connector: &Connector, error: &ConnectError) {
        assert_eq!(connector.state(), ConnectorState::Disconnected);
        self.log.say("failed");
        self.failures.borrow_mut().push(format!("{error:?}"));
        (self.over)(connector);
    }

    fn client_connection_lost(self: &Rc<Self>, connector: &Connector, _: &Reason) {
        assert_eq!(connector.state(), ConnectorState::Disconnected);
        let mut peers = self.peer.iter();
        assert!(peers.all(Peer::is_over), "its protocol is told first");
        self.log.say("lost");
        (self.over)(connector);
    }
}

/// Where `server` listens.
fn serve(reactor: &Reactor, server: &Peer) -> SocketAddr {
    let peer = server.clone();
    let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
    let port = reactor.listen_tcp(listen, move |_| peer.quiet()).unwrap();
    port.address().socket().unwrap()
}

/// An address of this machine where nothing listens.
fn closed() -> SocketAddr {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    port.local_addr().unwrap()
}

/// An address that never answers: its queue of connections is full.
fn silent() -> (SocketAddr, socket2::Socket, Vec<std::net::TcpStream>) {
    use socket2::{Domain, Socket, Type};
    let port = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    port.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .unwrap();
    port.listen(0).unwrap();
    let address = port.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    while let Ok(client) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(50))
    {
        waiting.push(client);
    }
    (address, port, waiting)
}

#[test]
fn a_connection_is_told_in_order() {
    let reactor = reactor();
    let (log, client, server) = (Log::default(), Peer::new(), Peer::new());
    let connector =
        reactor.connect_tcp_factory(serve(&reactor, &server), Client::new(&log, Some(&client)));
    assert_eq!(log.story(), "start connecting");
    until(&reactor, || client.is_made() && server.is_made());
    assert_eq!(connector.state(), ConnectorState::Connected);
    assert!(!connector.connect() && !connector.connect_later(Duration::ZERO));
    assert!(!connector.stop_connecting());
    server.transport().lose_connection();
    until(&reactor, || client.is_over());
    assert_eq!(log.story(), "start connecting build lost stop");
    assert_eq!(connector.state(), ConnectorState::Disconnected);
}

#[test]
fn a_refusal_is_told_in_a_later_turn() {
    let reactor = reactor();
    let log = Log::default();
    let factory = Client::new(&log, None);
    let failures = factory.failures.clone();
    reactor.connect_tcp_factory(closed(), factory);
    assert_eq!(log.story(), "start connecting");
    until(&reactor, || log.story() == "start connecting failed stop");
    assert!(
        failures.borrow()[0].starts_with("ConnectionRefused"),
        "{failures:?}"
    );
}

#[test]
fn no_answer_is_a_failure_in_time() {
    let reactor = reactor();
    let log = Log::default();
    let factory = Client::new(&log, None);
    let failures = factory.failures.clone();
    let (silent, _port, _waiting) = silent();
    reactor.connect_tcp_factory(
        TcpConnect::address(silent).timeout(Duration::from_millis(20)),
        factory,
    );
    until(&reactor, || log.story() == "start connecting failed stop");
    assert_eq!(*failures.borrow(), ["TimedOut(20ms)"]);
    assert_eq!(reactor.clock().pending_calls(), 0);
}

#[test]
fn an_address_that_is_not_ours_is_a_failure_of_its_own() {
    let reactor = reactor();
    let log = Log::default();
    let factory = Client::new(&log, None);
    let failures = factory.failures.clone();
    let elsewhere = SocketAddr::from(([192, 0, 2, 1], 0));
    reactor.connect_tcp_factory(
        TcpConnect::address(closed()).bind_address(elsewhere),
        factory,
    );
    assert_eq!(log.story(), "start connecting");
    until(&reactor, || log.story() == "start connecting failed stop");
    assert!(failures.borrow()[0].starts_with("Bind"), "{failures:?}");
}

#[test]
fn the_address_to_connect_from_can_be_chosen() {
    let reactor = reactor();
    let (log, client, server) = (Log::default(), Peer::new(), Peer::new());
    let from = SocketAddr::from(([127, 0, 0, 7], 0));
    let how = TcpConnect::address(serve(&reactor, &server)).bind_address(from);
    reactor.connect_tcp_factory(how, Client::new(&log, Some(&client)));
    until(&reactor, || server.is_made());
    assert_eq!(server.transport().peer().ip(), Some(from.ip()));
}

#[test]
fn a_factory_that_refuses_has_failed() {
    let reactor = reactor();
    let (log, server) = (Log::default(), Peer::new());
    let factory = Client::new(&log, None);
    let failures = factory.failures.clone();
    reactor.connect_tcp_factory(serve(&reactor, &server), factory);
    until(&reactor, || {
        log.story() == "start connecting build failed stop"
    });
    assert_eq!(*failures.borrow(), ["Refused"]);
    until(&reactor, || server.is_over());
}

#[test]
fn who_stops_connecting_is_never_connected() {
    let reactor = reactor();
    let (log, client, server) = (Log::default(), Peer::new(), Peer::new());
    let factory = Client::new(&log, Some(&client));
    let failures = factory.failures.clone();
    // By the time of the first turn the system has made the connection.
    let connector = reactor.connect_tcp_factory(serve(&reactor, &server), factory);
    assert!(connector.stop_connecting());
    connector.disconnect();
    assert_eq!(log.story(), "start connecting");
    until(&reactor, || log.story() == "start connecting failed stop");
    assert_eq!(*failures.borrow(), ["Cancelled"]);
    assert!(!connector.stop_connecting());
    assert!(!client.is_made());
    assert_eq!(reactor.clock().pending_calls(), 0);
}

#[test]
fn who_stops_connecting_while_the_protocol_is_made_is_never_connected() {
    let reactor = reactor();
    let (log, client, server) = (Log::default(), Peer::new(), Peer::new());
    let factory = Client::new(&log, Some(&client)).when_built(Connector::disconnect);
    reactor.connect_tcp_factory(serve(&reactor, &server), factory);
    until(&reactor, || log.story().ends_with("stop"));
    assert_eq!(log.story(), "start connecting build failed stop");
    assert!(client.is_dropped() && !client.is_made());
}

#[test]
fn a_connector_disconnects_in_order() {
    let reactor = reactor();
    let (log, client, server) = (Log::default(), Peer::new(), Peer::new());
    let connector =
        reactor.connect_tcp_factory(serve(&reactor, &server), Client::new(&log, Some(&client)));
    until(&reactor, || client.is_made() && server.is_made());
    client.transport().write(b"last words");
    connector.disconnect();
    connector.disconnect();
    until(&reactor, || client.is_over() && server.is_over());
    assert_eq!(server.story(), "made 'last words' read-lost lost");
    assert!(client.reason().is_clean());
    connector.disconnect();
    assert_eq!(log.story(), "start connecting build lost stop");
}

#[test]
fn a_client_connects_again_when_it_has_failed_and_when_it_has_lost() {
    for refused in [true, false] {
        let reactor = reactor();
        let (log, server) = (Log::default(), Peer::new());
        let tries = Rc::new(Cell::new(0));
        let count = tries.clone();
        let factory = Client::new(&log, None).when_over(move |connector| {
            count.set(count.get() + 1);
            if count.get() < 3 {
                assert!(connector.connect());
            }
        });
        let address = if refused {
            closed()
        } else {
            serve(&reactor, &server)
        };
        reactor.connect_tcp_factory(address, factory);
        until(&reactor, || tries.get() == 3);
        reactor.iterate(Duration::ZERO).unwrap();
        let story = log.story().replace("build ", "");
        assert_eq!(
            story,
            "start connecting failed connecting failed connecting failed stop"
        );
    }
}

#[test]
fn a_client_connects_again_later() {
    let reactor = reactor();
    let (log, again) = (Log::default(), Rc::new(Cell::new(true)));
    let once = again.clone();
    let factory = Client::new(&log, None).when_over(move |connector| {
        if once.replace(false) {
            assert!(connector.connect_later(Duration::from_secs(3600)));
            assert!(
                connector.connect_later(Duration::from_millis(1)),
                "changes the time"
            );
            assert_eq!(connector.state(), ConnectorState::Waiting);
        }
    });
    let connector = reactor.connect_tcp_factory(closed(), factory);
    until(&reactor, || connector.state() == ConnectorState::Waiting);
    assert_eq!(reactor.clock().pending_calls(), 1);
    until(&reactor, || log.story().ends_with("stop"));
    assert_eq!(
        log.story(),
        "start connecting failed connecting failed stop"
    );
    assert_eq!(reactor.clock().pending_calls(), 0);
}

#[test]
fn a_wait_to_connect_can_be_cut_short_and_be_stopped() {
    for stop in [true, false] {
        let reactor = reactor();
        let (log, count) = (Log::default(), Cell::new(0));
        let factory = Client::new(&log, None).when_over(move |connector| {
            count.set(count.get() + 1);
            if count.get() == 1 {
                connector.connect_later(Duration::from_secs(3600));
            }
        });
        let connector = reactor.connect_tcp_factory(closed(), factory);
        until(&reactor, || connector.state() == ConnectorState::Waiting);
        if stop {
            assert!(connector.stop_connecting());
            assert_eq!(log.story(), "start connecting failed stop");
            assert_eq!(connector.state(), ConnectorState::Disconnected);
        } else {
            assert!(connector.connect());
            until(&reactor, || log.story().ends_with("stop"));
            assert_eq!(
                log.story(),
                "start connecting failed connecting failed stop"
            );
        }
        assert!(!connector.stop_connecting());
        assert_eq!(reactor.clock().pending_calls(), 0);
    }
}

#[test]
fn a_factory_that_keeps_its_connector_frees_with_it() {
    /// How the connector comes to its end.
    #[derive(Clone, Copy, Debug)]
    enum End {
        Failed,
        Lost,
        Stopped,
        ReactorDropped,
        ReactorDroppedInWait,
    }
    for end in [
        End::Failed,
        End::Lost,
        End::Stopped,
        End::ReactorDropped,
        End::ReactorDroppedInWait,
    ] {
        let reactor = reactor();
        let (log, client, server) = (Log::default(), Peer::new(), Peer::new());
        let address = match end {
            End::Failed | End::ReactorDroppedInWait => closed(),
            _ => serve(&reactor, &server),
        };
        // It keeps the connector, see `started_connecting`.
        let factory = Rc::new(
            Client::new(&log, Some(&client)).when_over(move |connector| {
                if let End::ReactorDroppedInWait = end {
                    connector.connect_later(Duration::from_secs(3600));
                }
            }),
        );
        let freed = Rc::downgrade(&factory);
        let connector = reactor.connect_tcp_factory(address, factory);
        match end {
            End::Failed => until(&reactor, || log.story().ends_with("stop")),
            End::Lost => {
                until(&reactor, || client.is_made());
                connector.disconnect();
                until(&reactor, || log.story().ends_with("stop"));
            }
            End::Stopped => {
                connector.stop_connecting();
                until(&reactor, || log.story().ends_with("stop"));
            }
            End::ReactorDropped => {
                until(&reactor, || client.is_made());
                drop(reactor);
            }
            End::ReactorDroppedInWait => {
                until(&reactor, || connector.state() == ConnectorState::Waiting);
                drop(reactor);
            }
        }
        assert!(log.story().ends_with("stop"), "{end:?}: {}", log.story());
        assert_eq!(freed.strong_count(), 0, "{end:?}");
        assert!(!connector.connect(), "{end:?}: it has ended");
        assert_eq!(connector.destination().socket(), Some(address));
    }
}

#[test]
fn a_connection_that_meets_itself_is_refused() {
    let reactor = reactor();
    let log = Log::default();
    let factory = Client::new(&log, None);
    let failures = factory.failures.clone();
    let address = closed();
    let options = TcpConnect::address(address).bind_address(address);
    reactor.connect_tcp_factory(options, factory);
    until(&reactor, || log.story() == "start connecting failed stop");
    let failures = failures.borrow();
    assert!(failures[0].starts_with("ConnectionRefused"), "{failures:?}");
    assert!(failures[0].contains("met itself"), "{failures:?}");
}

#[test]
fn an_address_may_be_a_text() {
    let reactor = reactor();
    let (log, client, server) = (Log::default(), Peer::new(), Peer::new());
    let address = serve(&reactor, &server);
    let factory = Client::new(&log, Some(&client));
    reactor.connect_tcp_factory(address.to_string(), factory);
    until(&reactor, || client.is_made());
    for (text, error) in [
        ("127.0.0.1", AddressError::MissingPort("127.0.0.1".into())),
        ("localhost:7", AddressError::HostName("localhost:7".into())),
        ("7", AddressError::Malformed("7".into())),
    ] {
        let log = Log::default();
        let factory = Client::new(&log, None);
        let failures = factory.failures.clone();
        reactor.connect_tcp_factory(text, factory);
        assert_eq!(log.story(), "start connecting");
        until(&reactor, || log.story() == "start connecting failed stop");
        assert_eq!(*failures.borrow(), [format!("Address({error:?})")]);
    }
    let port = address.port();
    reactor.connect_tcp(([127, 0, 0, 1], port), |_| None::<retwist::ProtocolRef>);
    reactor.connect_tcp(("127.0.0.1", port), |_| None::<retwist::ProtocolRef>);
    reactor.connect_tcp(
        (Ipv4Addr::LOCALHOST, port),
        |_| None::<retwist::ProtocolRef>,
    );
}

#[test]
fn a_factory_that_panics_has_failed() {
    let reactor = reactor();
    let (log, client, server) = (Log::default(), Peer::new(), Peer::new());
    let factory = Client::new(&log, Some(&client)).when_built(|_| panic!("a bug in a factory"));
    reactor.connect_tcp_factory(serve(&reactor, &server), factory);
    until(&reactor, || {
        log.story() == "start connecting build failed stop"
    });
}

#[test]
fn a_client_writes_what_it_likes_before_the_server_accepts() {
    let reactor = reactor();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = Peer::new();
    let quiet = Cell::new(Some(client.quiet()));
    reactor.connect_tcp(listener.local_addr().unwrap(), move |_| quiet.take());
    until(&reactor, || client.is_made());
    client.transport().write(b"early");
    client.transport().lose_connection();
    reactor.iterate(Duration::ZERO).unwrap();
    let (mut accepted, _) = listener.accept().unwrap();
    let mut heard = String::new();
    std::io::Read::read_to_string(&mut accepted, &mut heard).unwrap();
    assert_eq!(heard, "early");
    drop(accepted);
    until(&reactor, || client.is_over());
    assert!(client.reason().is_clean());
}

#[test]
fn a_name_where_an_address_is_wanted_is_named_and_says_what_looks_it_up() {
    let reactor = reactor();
    let connector = reactor.connect_tcp("localhost:80", |_| None::<retwist::ProtocolRef>);
    assert_eq!(
        *connector.destination(),
        Address::Host("localhost".into(), 80)
    );
    let error = reactor
        .listen_tcp("localhost:80", |_| None::<retwist::ProtocolRef>)
        .unwrap_err();
    assert!(
        error.to_string().contains("`Network::new(&reactor)"),
        "{error}"
    );
    let error = retwist::MainError::from(error);
    assert!(format!("{error:?}").starts_with("\"localhost:80\" has the name of a host"));
}
