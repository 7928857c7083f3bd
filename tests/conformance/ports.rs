//! Listening: stopping and starting again, pausing, and which connections are accepted.

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use retwist::{
    Address, Factory, FactoryRef, IntoProtocol, ListenError, ListeningPort, ProtocolRef, TcpListen,
};

use crate::lifecycle::{Log, reactor, soon, until};
use retwist_conformance::streams::Peer;

pub fn local() -> TcpListen {
    TcpListen::port(0).interface(Ipv4Addr::LOCALHOST)
}

pub fn refuse(_: &Address) -> Option<ProtocolRef> {
    None
}

/// The address to connect to.
pub fn address(port: &ListeningPort) -> SocketAddr {
    port.address().socket().unwrap()
}

/// Logs what it hears, and accepts every connection.
struct Counted(Log, Peer);

impl Factory for Counted {
    fn build_protocol(self: &Rc<Self>, peer: &Address) -> impl IntoProtocol {
        assert!(peer.ip().unwrap().is_loopback());
        self.0.say("build");
        self.1.quiet()
    }

    fn start_factory(self: &Rc<Self>) {
        self.0.say("start");
    }

    fn stop_factory(self: &Rc<Self>) {
        self.0.say("stop");
    }
}

#[test]
fn port_0_becomes_a_real_one_and_is_kept() {
    let reactor = reactor();
    let port = reactor.listen_tcp(local(), refuse).unwrap();
    let first = address(&port);
    assert_ne!(first.port(), 0);
    port.stop_listening();
    assert!(!port.is_listening());
    assert!(soon(|| TcpStream::connect(first).is_err()));
    port.start_listening().unwrap();
    assert_eq!(address(&port), first);
    TcpStream::connect(first).unwrap();
}

#[test]
fn a_port_that_listens_cannot_be_started_and_is_stopped_once() {
    let reactor = reactor();
    let log = Log::default();
    let port = reactor
        .listen_tcp_factory(local(), Counted(log.clone(), Peer::new()))
        .unwrap();
    assert!(matches!(
        port.start_listening(),
        Err(ListenError::AlreadyListening)
    ));
    port.stop_listening();
    port.stop_listening();
    assert_eq!(log.story(), "start stop");
}

#[test]
fn a_factory_is_started_by_its_first_port_and_stopped_by_its_last() {
    let reactor = reactor();
    let log = Log::default();
    let factory = FactoryRef::from(Counted(log.clone(), Peer::new()));
    let ports: Vec<_> = (0..3)
        .map(|_| {
            reactor
                .listen_tcp_factory(local(), factory.clone())
                .unwrap()
        })
        .collect();
    assert_eq!(log.story(), "start");
    ports.iter().for_each(ListeningPort::stop_listening);
    assert_eq!(log.story(), "start stop");
    ports[1].start_listening().unwrap();
    assert_eq!(log.story(), "start stop start");
    drop(reactor);
    assert_eq!(log.story(), "start stop start stop");
}

#[test]
fn a_factory_that_cannot_listen_is_not_started() {
    let reactor = reactor();
    let taken = reactor.listen_tcp(local(), refuse).unwrap();
    let log = Log::default();
    let refused = reactor.listen_tcp_factory(address(&taken), Counted(log.clone(), Peer::new()));
    assert!(matches!(refused, Err(ListenError::AddressInUse(at, _)) if at == taken.address()));
    let elsewhere = SocketAddr::from(([192, 0, 2, 1], 0));
    let refused = reactor.listen_tcp_factory(elsewhere, Counted(log.clone(), Peer::new()));
    assert!(matches!(refused, Err(ListenError::AddressNotAvailable(..))));
    assert_eq!(log.story(), "");
}

#[test]
fn accepted_connections_outlive_their_port() {
    let reactor = reactor();
    let (log, server) = (Log::default(), Peer::new());
    let port = reactor
        .listen_tcp_factory(local(), Counted(log.clone(), server.clone()))
        .unwrap();
    let client = TcpStream::connect(address(&port)).unwrap();
    until(&reactor, || server.is_made());
    port.stop_listening();
    server.transport().write(b"still here");
    until(&reactor, || server.transport().buffered() == 0);
    let mut heard = [0; 10];
    (&client).read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"still here");
    assert!(!server.is_over());
    assert_eq!(log.story(), "start build stop");
}

#[test]
fn a_factory_may_refuse() {
    let reactor = reactor();
    let port = reactor.listen_tcp(local(), refuse).unwrap();
    let mut client = TcpStream::connect(address(&port)).unwrap();
    client.set_nonblocking(true).unwrap();
    until(&reactor, || {
        client
            .try_clone()
            .unwrap()
            .read(&mut [0; 1])
            .is_ok_and(|count| count == 0)
    });
    client.set_nonblocking(false).unwrap();
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_factory_that_panics_refuses_and_the_port_goes_on() {
    let reactor = reactor();
    let server = Peer::new();
    let (peer, first) = (server.clone(), Cell::new(true));
    let factory = move |_: &Address| {
        assert!(!first.replace(false), "a bug in a factory");
        peer.quiet()
    };
    let port = reactor.listen_tcp(local(), factory).unwrap();
    let _clients = [(); 2].map(|()| TcpStream::connect(address(&port)).unwrap());
    until(&reactor, || server.is_made());
}

#[test]
fn a_factory_may_stop_its_own_port() {
    let reactor = reactor();
    let (server, port) = (Peer::new(), Rc::new(RefCell::new(None::<ListeningPort>)));
    let (peer, own) = (server.clone(), port.clone());
    let factory = move |_: &Address| {
        own.borrow().as_ref().unwrap().stop_listening();
        peer.quiet()
    };
    port.replace(Some(reactor.listen_tcp(local(), factory).unwrap()));
    let at = address(port.borrow().as_ref().unwrap());
    let _client = TcpStream::connect(at).unwrap();
    until(&reactor, || server.is_made());
    assert!(soon(|| TcpStream::connect(at).is_err()));
    reactor.iterate(Duration::ZERO).unwrap();
    assert!(!server.is_over());
}

#[test]
fn many_connections_at_once_are_all_accepted() {
    let reactor = reactor();
    let accepted = Rc::new(Cell::new(0));
    let count = accepted.clone();
    let factory = move |_: &Address| {
        count.set(count.get() + 1);
        Peer::new().quiet()
    };
    let port = reactor
        .listen_tcp(local().max_accepts_per_turn(3), factory)
        .unwrap();
    let clients: Vec<_> = (0..100)
        .map(|_| TcpStream::connect(address(&port)).unwrap())
        .collect();
    reactor.iterate(Duration::from_millis(10)).unwrap();
    assert!(
        (1..=6).contains(&accepted.get()),
        "{} accepted in one turn",
        accepted.get()
    );
    until(&reactor, || accepted.get() == clients.len());
}

#[test]
fn ports_of_several_reactors_accept_from_one_socket() {
    let shared = local().shared();
    let server = Peer::new();
    let (one, other) = (reactor(), reactor());
    let first = one.listen_tcp(shared.clone(), refuse).unwrap();
    let quiet = server.clone();
    let second = other
        .listen_tcp(shared.clone(), move |_| quiet.quiet())
        .unwrap();
    let number = address(&first);
    assert_eq!(address(&second), number);
    let alone = one.listen_tcp(TcpListen::address(number), refuse);
    assert!(matches!(alone, Err(ListenError::AddressInUse(..))));
    first.stop_listening();
    let _client = TcpStream::connect(number).unwrap();
    until(&other, || server.is_made());
    second.stop_listening();
    assert!(TcpStream::connect(number).is_err());
    first.start_listening().unwrap();
    TcpStream::connect(number).unwrap();
}

#[cfg(unix)]
#[test]
fn a_port_is_shared_only_by_those_who_say_so() {
    let reactor = reactor();
    let first = reactor
        .listen_tcp(local().reuse_port(true), refuse)
        .unwrap();
    let same = || TcpListen::address(address(&first));
    reactor.listen_tcp(same().reuse_port(true), refuse).unwrap();
    let refused = reactor.listen_tcp(same(), refuse);
    assert!(matches!(refused, Err(ListenError::AddressInUse(..))));
}

#[test]
fn a_port_that_is_paused_accepts_and_refuses_no_client() {
    let reactor = reactor();
    let log = Log::default();
    let counted = Counted(log.clone(), Peer::new());
    let port = reactor.listen_tcp_factory(local(), counted).unwrap();
    port.pause_accepting();
    let waiting = [(); 3].map(|()| TcpStream::connect(address(&port)).unwrap());
    for _ in 0..10 {
        reactor.iterate(Duration::ZERO).unwrap();
    }
    assert!(port.is_listening());
    assert_eq!(log.story(), "start");
    port.resume_accepting();
    until(&reactor, || log.story() == "start build build build");
    // Resumed or paused again, that changes nothing for those who have come.
    port.resume_accepting();
    port.pause_accepting();
    let late = TcpStream::connect(address(&port)).unwrap();
    reactor.iterate(Duration::ZERO).unwrap();
    assert_eq!(log.story(), "start build build build");
    // A port that is paused accepts none when it stops.
    port.stop_listening();
    port.resume_accepting();
    reactor.iterate(Duration::ZERO).unwrap();
    drop((waiting, late));
    port.start_listening().unwrap();
    let _new = TcpStream::connect(address(&port)).unwrap();
    until(&reactor, || {
        log.story() == "start build build build stop start build"
    });
}

#[test]
fn a_port_that_stops_accepts_what_waits() {
    let reactor = reactor();
    for (at_most, expected) in [(1024, 5), (3, 3), (0, 0)] {
        let log = Log::default();
        let counted = Counted(log.clone(), Peer::new());
        let options = local().max_accepts_on_stop(at_most);
        let port = reactor.listen_tcp_factory(options, counted).unwrap();
        let mut clients = [(); 5].map(|()| TcpStream::connect(address(&port)).unwrap());
        port.stop_listening();
        assert!(!port.is_listening() && TcpStream::connect(address(&port)).is_err());
        // The method calls no application.
        let before = if expected == 0 { "start stop" } else { "start" };
        assert_eq!(log.story(), before);
        reactor.iterate(Duration::ZERO).unwrap();
        let story = format!("start {}stop", "build ".repeat(expected));
        assert_eq!(log.story(), story);
        assert_eq!(port.connections(), expected);
        for (index, client) in clients.iter_mut().enumerate() {
            client.set_nonblocking(true).unwrap();
            let error = client.read(&mut [0]).unwrap_err();
            let reset = error.kind() == ErrorKind::ConnectionReset;
            assert_eq!(reset, index >= expected, "{error}");
        }
    }
}

#[test]
fn a_port_counts_its_connections() {
    let reactor = reactor();
    let server = Peer::new();
    let echoing = server.clone();
    let first = Cell::new(true);
    let port = reactor
        .listen_tcp(local(), move |_| {
            first.replace(false).then(|| echoing.quiet())
        })
        .unwrap();
    assert_eq!(port.connections(), 0);
    let client = TcpStream::connect(address(&port)).unwrap();
    until(&reactor, || server.is_made());
    let refused = TcpStream::connect(address(&port)).unwrap();
    refused.set_nonblocking(true).unwrap();
    until(&reactor, || (&refused).read(&mut [0]).is_ok());
    assert_eq!(port.connections(), 1);
    port.stop_listening();
    assert_eq!(port.connections(), 1);
    server.transport().lose_connection();
    drop(client);
    until(&reactor, || server.is_over());
    assert_eq!(port.connections(), 0);
}

#[test]
fn a_factory_that_keeps_its_port_frees_with_it() {
    struct Keeps(RefCell<Option<ListeningPort>>);
    impl Factory for Keeps {
        fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
            None::<ProtocolRef>
        }
    }
    for (stop, drops_handle) in [(false, false), (true, false), (true, true)] {
        let reactor = reactor();
        let factory = Rc::new(Keeps(RefCell::default()));
        let freed = Rc::downgrade(&factory);
        let port = reactor
            .listen_tcp_factory(local(), factory.clone())
            .unwrap();
        if !drops_handle {
            factory.0.replace(Some(port.clone()));
        }
        drop(factory);
        if stop {
            port.stop_listening();
        }
        if drops_handle {
            drop(port);
            assert_eq!(freed.strong_count(), 0, "stopped, and without a handle");
            continue;
        }
        drop(reactor);
        assert_eq!(freed.strong_count(), 0);
        assert!(matches!(
            port.start_listening(),
            Err(ListenError::ReactorGone)
        ));
        assert_eq!((port.is_listening(), port.connections()), (false, 0));
        assert_ne!(address(&port).port(), 0);
    }
}

/// Pauses its port when the room is used up.
struct Full {
    port: RefCell<Option<ListeningPort>>,
    room: Cell<usize>,
}

#[test]
fn a_factory_may_pause_its_port_while_it_accepts() {
    let reactor = reactor();
    let full = Rc::new(Full {
        port: RefCell::default(),
        room: Cell::new(2),
    });
    let (door, peer) = (full.clone(), Peer::new());
    let factory = move |_: &Address| {
        door.room.set(door.room.get() - 1);
        if door.room.get() == 0
            && let Some(port) = &*door.port.borrow()
        {
            port.pause_accepting();
        }
        peer.quiet()
    };
    let port = reactor.listen_tcp(local(), factory).unwrap();
    *full.port.borrow_mut() = Some(port.clone());
    let _clients = [(); 5].map(|()| TcpStream::connect(address(&port)).unwrap());
    until(&reactor, || full.room.get() == 0);
    for _ in 0..10 {
        reactor.iterate(Duration::ZERO).unwrap();
    }
    assert_eq!(full.room.get(), 0);
    full.room.set(4);
    port.resume_accepting();
    until(&reactor, || full.room.get() == 1);
}
