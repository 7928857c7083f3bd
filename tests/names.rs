//! Factories that connect by the name of a host, with TLS: a good handshake, a bad one, and a
//! connection over real sockets.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use retwist::deferred::{Deferred, DialerExt, Network, Reconnecting, ResolveError};
use retwist::endpoint::{ClientEndpoint, client_from_string};
use retwist::testing::MemoryReactor;
use retwist::tls::{
    ClientOptions, Identity, ServerOptions, TlsFactory, TlsRole, TlsTransport, TrustRoots,
};
use retwist::{
    Address, ConnectError, Connector, Factory, IntoProtocol, Protocol, Reactor, ReactorHandle,
    ReactorSettings, Reason, TcpListen, TransportRef, factory,
};

const HERE: [u8; 4] = [192, 0, 2, 7];

/// Roles of a client and of a server whose certificate is for `localhost`.
fn roles(name: &str) -> (TlsRole, TlsRole) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.pem();
    let identity = Identity::from_pem(&certificate, made.signing_key.serialize_pem()).unwrap();
    let roots = TrustRoots::from_pem(&certificate).unwrap();
    let client = ClientOptions::new(roots).build().unwrap();
    let server = ServerOptions::new(identity).build().unwrap();
    (
        TlsRole::client(client, name).unwrap(),
        TlsRole::server(server),
    )
}

/// Answers over TLS, and closes.
struct Server;

impl Protocol for Server {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        assert!(TlsTransport::of(transport).is_some());
        transport.write(data);
        transport.lose_connection();
    }
}

struct Client(Rc<RefCell<Vec<String>>>);

impl Protocol for Client {
    fn connection_made(&mut self, transport: &TransportRef) {
        assert!(TlsTransport::of(transport).is_some());
        transport.write(b"hello");
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        let heard = String::from_utf8_lossy(data);
        self.0.borrow_mut().push(format!("heard {heard}"));
    }
}

/// Notes how its connections end.
struct Clients(Rc<RefCell<Vec<String>>>);

impl Factory for Clients {
    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        Client(self.0.clone())
    }

    fn client_connection_failed(self: &Rc<Self>, _: &Connector, error: &ConnectError) {
        let negotiated = matches!(error, ConnectError::Negotiation(_));
        self.0
            .borrow_mut()
            .push(format!("failed, negotiation: {negotiated}"));
    }

    fn client_connection_lost(self: &Rc<Self>, _: &Connector, reason: &Reason) {
        self.0.borrow_mut().push(format!("lost: {reason}"));
    }
}

/// What the clients note that connect with `connect` to a server of TLS.
fn meet(server: TlsRole, connect: impl FnOnce(&Network, Clients)) -> Vec<String> {
    let reactor = Rc::new(MemoryReactor::new());
    let listen = TcpListen::address((HERE, 443).into());
    reactor
        .listen_tcp_factory(listen, TlsFactory::new(server, factory(|_| Server)))
        .unwrap();
    let resolver = |_: &str, port: u16| {
        Deferred::<Vec<SocketAddr>, ResolveError>::succeed(vec![(HERE, port).into()])
    };
    let network = Network::with(reactor.clone(), Rc::new(resolver));
    let noted: Rc<RefCell<Vec<String>>> = Rc::default();
    connect(&network, Clients(noted.clone()));
    let pending = reactor.connecting().remove(0);
    reactor.complete(&pending).unwrap().run();
    reactor.clock().run();
    assert_eq!(reactor.clock().pending_calls(), 0);
    noted.take()
}

#[test]
fn tls_over_a_factory_by_name() {
    for (name, expected) in [
        (
            "localhost",
            &["heard hello", "lost: connection closed cleanly"][..],
        ),
        ("example.org", &["failed, negotiation: true"][..]),
    ] {
        let (client, server) = roles(name);
        let noted = meet(server, |network, clients| {
            let clients = TlsFactory::new(client, clients);
            network
                .connect_tcp_factory(("localhost", 443), clients)
                .unwrap();
        });
        assert_eq!(noted, expected, "{name}");
    }
}

#[test]
fn a_factory_over_the_layers_of_an_endpoint() {
    let (client, server) = roles("localhost");
    let endpoint: ClientEndpoint = client_from_string("tap:tcp:localhost:443").unwrap();
    let endpoint = endpoint.tls(client);
    let noted = meet(server, |network, clients| {
        let clock = network.reactor().time();
        let destination = Address::Host("localhost".into(), 443);
        endpoint
            .on(network)
            .connect_factory(destination, &clock, clients);
    });
    assert_eq!(noted, ["heard hello", "lost: connection closed cleanly"]);
}

/// Real sockets, the system's resolver, and a factory that connects a second time.
#[test]
fn localhost_is_connected_by_name_and_again() {
    struct Greeter;
    impl Protocol for Greeter {
        fn connection_made(&mut self, transport: &TransportRef) {
            transport.write(b"x");
            transport.lose_connection();
        }
    }
    struct Guest {
        greeted: Rc<RefCell<usize>>,
        reactor: ReactorHandle,
    }
    impl Protocol for Guest {
        fn data_received(&mut self, _: &TransportRef, _: &[u8]) {
            let mut greeted = self.greeted.borrow_mut();
            *greeted += 1;
            if *greeted == 2 {
                self.reactor.stop();
            }
        }
    }
    let reactor = Reactor::with_settings(ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    })
    .unwrap();
    let port = reactor.listen_tcp("127.0.0.1:0", |_| Greeter).unwrap();
    let port = port.address().port().unwrap();
    let (greeted, handle) = (Rc::new(RefCell::new(0)), reactor.handle());
    let count = greeted.clone();
    let guests = Reconnecting::new(factory(move |_| Guest {
        greeted: count.clone(),
        reactor: handle.clone(),
    }));
    guests.retries().set_backoff(retwist::deferred::Backoff {
        initial: std::time::Duration::ZERO,
        jitter: std::time::Duration::ZERO,
        ..retwist::deferred::Backoff::default()
    });
    let network = Network::new(&reactor);
    network
        .connect_tcp_factory(("localhost", port), guests)
        .unwrap();
    reactor.run().unwrap();
    assert_eq!(*greeted.borrow(), 2);
}
