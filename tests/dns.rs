//! `DnsResolver` on real sockets, with name servers from outside the project.

#[path = "name_server/mod.rs"]
mod name_server;

use std::cell::RefCell;
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::Duration;

use retwist::deferred::names::{DnsResolver, DnsSettings, RecordType};
use retwist::deferred::{Deferred, DialerExt, Failure, IntoBoxedError, Network, Outcome};
use retwist::endpoint::client_from_string;
use retwist::{Protocol, Reactor, ReactorSettings, TransportRef};

use name_server::{NameServer, has};

fn quiet() -> Reactor {
    let settings = ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    };
    Reactor::with_settings(settings).unwrap()
}

fn resolver(reactor: &Reactor, settings: DnsSettings) -> DnsResolver {
    DnsResolver::new(Rc::new(reactor.handle()), settings)
}

fn asking(servers: &[SocketAddr]) -> DnsSettings {
    DnsSettings {
        servers: servers.to_vec(),
        // The machine may be so busy that a server does not come to answer.
        attempts: 20,
        deadline: Duration::from_secs(600),
        ..DnsSettings::default()
    }
}

/// Turns the reactor until there is an outcome.
fn wait<T, E: IntoBoxedError>(reactor: &Reactor, mut deferred: Deferred<T, E>) -> Outcome<T, E> {
    loop {
        if let Some(outcome) = deferred.take() {
            return outcome;
        }
        reactor.iterate(Duration::from_secs(60)).unwrap();
    }
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}

/// A port on which nothing listens.
fn closed() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap()
}

/// All in one test, which counts the descriptors and the threads of this process.
#[test]
fn with_real_name_servers() {
    if !has(&["nsd", "unbound"]) {
        return;
    }
    let nsd = NameServer::nsd();
    let unbound = NameServer::unbound(&nsd);
    let reactor = quiet();
    reactor.iterate(Duration::ZERO).unwrap();
    let before = (descriptors(), threads());
    for server in [&nsd, &unbound] {
        typed_look_ups(&reactor, server);
        absence(&reactor, server);
    }
    if let Some(twisted) = NameServer::twisted() {
        typed_look_ups(&reactor, &twisted);
    }
    a_thousand_at_once(&reactor, &nsd);
    the_next_server(&reactor, &nsd);
    cancelled(&reactor, &nsd);
    an_endpoint_by_name(&reactor, &nsd);
    for _ in 0..3 {
        // What is closed in one pass is gone in the next.
        reactor.iterate(Duration::ZERO).unwrap();
    }
    assert_eq!(
        (descriptors(), threads()),
        before,
        "descriptors and threads"
    );
}

fn typed_look_ups(reactor: &Reactor, server: &NameServer) {
    let names = resolver(reactor, asking(&[server.address]));
    let mail = wait(reactor, names.mail_exchanges("example")).unwrap();
    let exchanges: Vec<_> = mail.iter().map(|server| &*server.exchange).collect();
    assert_eq!(exchanges, ["mail.example", "mail2.example"]);
    let services = wait(reactor, names.services("_imap._tcp.example")).unwrap();
    assert_eq!(
        services.iter().map(|service| service.weight).sum::<u16>(),
        100
    );
    let texts = wait(reactor, names.texts("long.example")).unwrap();
    assert_eq!(texts.len(), 20, "over TCP");
    let many = wait(reactor, names.lookup("many.example", RecordType::A)).unwrap();
    assert_eq!(many.records.len(), 200);
    let seven = wait(reactor, names.names_of("192.0.2.7".parse().unwrap())).unwrap();
    assert_eq!(seven, ["seven.example"]);
    let host = wait(reactor, names.addresses("www.example")).unwrap();
    assert_eq!(host.len(), 3);
    wait(reactor, names.lookup("missing.example", RecordType::A)).unwrap_err();
}

/// The zone gives absence 60 seconds.
fn absence(reactor: &Reactor, server: &NameServer) {
    let names = resolver(reactor, asking(&[server.address]));
    wait(reactor, names.lookup("missing.example", RecordType::A)).unwrap_err();
    wait(reactor, names.lookup("host.example", RecordType::Mx)).unwrap_err();
    assert_eq!(names.cached(), 2);
}

fn a_thousand_at_once(reactor: &Reactor, nsd: &NameServer) {
    let names = resolver(reactor, asking(&[nsd.address]));
    let all: Vec<_> = (0..1000)
        .map(|number| names.lookup(&format!("n{number}.wild.example"), RecordType::A))
        .collect();
    for found in all {
        let found = wait(reactor, found).unwrap();
        assert_eq!(found.records[0].data.to_string(), "192.0.2.77");
    }
}

fn the_next_server(reactor: &Reactor, nsd: &NameServer) {
    let settings = DnsSettings {
        // So long that the test would not end.
        timeout: Duration::from_secs(3600),
        deadline: Duration::from_secs(36_000),
        ..asking(&[closed(), nsd.address])
    };
    for use_tcp in [false, true] {
        let names = resolver(
            reactor,
            DnsSettings {
                use_tcp,
                ..settings.clone()
            },
        );
        let found = wait(reactor, names.lookup("host.example", RecordType::A)).unwrap();
        assert_eq!(found.records.len(), 2);
    }
}

fn cancelled(reactor: &Reactor, nsd: &NameServer) {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let names = resolver(reactor, asking(&[silent.local_addr().unwrap()]));
    let over_tcp = DnsSettings {
        use_tcp: true,
        ..asking(&[nsd.address])
    };
    let over_tcp = resolver(reactor, over_tcp);
    reactor.iterate(Duration::ZERO).unwrap();
    let before = descriptors();
    for passes in 0..4 {
        let found = names.lookup("host.example", RecordType::A);
        let connecting = over_tcp.lookup("host.example", RecordType::A);
        for _ in 0..passes {
            reactor.iterate(Duration::ZERO).unwrap();
        }
        found.cancel();
        connecting.cancel();
        for _ in 0..3 {
            reactor.iterate(Duration::ZERO).unwrap();
        }
        over_tcp.clear_cache();
        assert_eq!(descriptors(), before, "{passes}");
        assert!(matches!(wait(reactor, found), Err(Failure::Cancelled)));
        drop(connecting);
    }
    drop(silent);
}

/// `here.example` is this machine.
fn an_endpoint_by_name(reactor: &Reactor, nsd: &NameServer) {
    struct Greeter;
    impl Protocol for Greeter {
        fn connection_made(&mut self, transport: &TransportRef) {
            transport.write(b"hello");
            transport.lose_connection();
        }
    }
    struct Guest(Rc<RefCell<Vec<u8>>>);
    impl Protocol for Guest {
        fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
            self.0.borrow_mut().extend_from_slice(data);
        }
    }
    let port = reactor.listen_tcp("127.0.0.1:0", |_| Greeter).unwrap();
    let names = resolver(reactor, asking(&[nsd.address]));
    let network = Network::with(Rc::new(reactor.handle()), Rc::new(names));
    let number = port.address().port().unwrap();
    let endpoint = client_from_string(&format!("tcp:here.example:{number}")).unwrap();
    let heard = Rc::<RefCell<Vec<u8>>>::default();
    let connected = endpoint.on(&network).connect_to(Guest(heard.clone()));
    wait(reactor, connected).unwrap();
    while port.connections() > 0 || heard.borrow().len() < 5 {
        reactor.iterate(Duration::from_secs(60)).unwrap();
    }
    assert_eq!(*heard.borrow(), b"hello");
    port.stop_listening();
}

/// Of a hundred, few lie beside the one before.
#[test]
fn ports_are_random() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let reactor = quiet();
    let names = resolver(&reactor, asking(&[server.local_addr().unwrap()]));
    let mut ports = Vec::new();
    for number in 0..100 {
        let found = names.lookup(&format!("n{number}.example"), RecordType::A);
        reactor.iterate(Duration::ZERO).unwrap();
        let (_, from) = server.recv_from(&mut [0; 512]).unwrap();
        ports.push(from.port());
        found.cancel();
    }
    let near = ports.windows(2).filter(|two| two[0].abs_diff(two[1]) < 16);
    assert!(near.count() < 20, "{ports:?}");
}
