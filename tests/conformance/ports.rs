//! Listening: addresses, stopping and starting again, and who is let in.

use std::cell::{Cell, RefCell};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use retwist::{
    Address, Factory, FactoryRef, IntoProtocol, ListenError, ListeningPort, ProtocolRef, TcpListen,
    TcpOptions,
};

use crate::child::soon;
use crate::lifecycle::{Log, reactor, until};
use crate::peer::{Event, Peer};

fn local() -> TcpListen {
    TcpListen::port(0).interface(Ipv4Addr::LOCALHOST)
}

fn nobody(_: &Address) -> Option<ProtocolRef> {
    None
}

/// The port's address, as somebody connects to it.
fn address(port: &ListeningPort) -> SocketAddr {
    port.address().socket().unwrap()
}

/// Says what it hears, and lets everyone in.
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
    let port = reactor.listen_tcp(local(), nobody).unwrap();
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
    let taken = reactor.listen_tcp(local(), nobody).unwrap();
    let log = Log::default();
    let refused = reactor.listen_tcp_factory(address(&taken), Counted(log.clone(), Peer::new()));
    assert!(matches!(refused, Err(ListenError::AddressInUse(at, _)) if at == address(&taken)));
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
    let port = reactor.listen_tcp(local(), nobody).unwrap();
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
        .listen_tcp(local().accepts_a_turn(3), factory)
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
fn each_family_has_its_own_ports_unless_both_are_asked_for() {
    let reactor = reactor();
    let listen = |number, family: IpAddr| {
        reactor.listen_tcp(TcpListen::port(number).interface(family), nobody)
    };
    // Another program may have the number that comes up in the other family.
    let number = (0..100).find_map(|_| {
        let v4 = listen(0, Ipv4Addr::UNSPECIFIED.into()).unwrap();
        let number = address(&v4).port();
        let v6 = listen(number, Ipv6Addr::UNSPECIFIED.into());
        v6.ok().map(|_| number)
    });
    let number = number.expect("one number in both families");
    TcpStream::connect((Ipv4Addr::LOCALHOST, number)).unwrap();
    TcpStream::connect((Ipv6Addr::LOCALHOST, number)).unwrap();

    let server = Peer::new();
    let peer = server.clone();
    let both = TcpListen::port(0)
        .interface(Ipv6Addr::UNSPECIFIED)
        .dual_stack(true);
    let both = reactor.listen_tcp(both, move |_| peer.quiet()).unwrap();
    let _client = TcpStream::connect((Ipv4Addr::LOCALHOST, address(&both).port())).unwrap();
    until(&reactor, || server.is_made());
    let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    assert_eq!(server.transport().peer().ip(), Some(mapped));
}

#[test]
fn a_port_is_shared_only_by_those_who_say_so() {
    let reactor = reactor();
    let first = reactor
        .listen_tcp(local().reuse_port(true), nobody)
        .unwrap();
    let same = || TcpListen::address(address(&first));
    reactor.listen_tcp(same().reuse_port(true), nobody).unwrap();
    let refused = reactor.listen_tcp(same(), nobody);
    assert!(matches!(refused, Err(ListenError::AddressInUse(..))));
}

#[test]
fn the_options_of_the_socket_can_be_reached_from_any_layer() {
    use crate::way::{How, Way};
    use crate::ways::{Layered, Memory, TcpV4};
    use crate::world::World;
    fn options<W: Way>() -> Option<TcpOptions> {
        let (client, server) = (Peer::new(), Peer::new());
        let found = Rc::new(RefCell::new(None));
        let result = found.clone();
        let asks = server.reacting(move |transport, event| {
            if let Event::Made = event {
                let options = TcpOptions::of(&**transport);
                if let Some(options) = &options {
                    options.set_no_delay(false).unwrap();
                    options
                        .set_keep_alive(Some(Duration::from_secs(60)))
                        .unwrap();
                    options.set_keep_alive(None).unwrap();
                }
                result.replace(options);
            }
        });
        drop(World::<W>::connected(
            How::default(),
            (&client, client.quiet()),
            (&server, asks),
        ));
        found.take()
    }
    let gone = options::<Layered<Layered<TcpV4>>>().unwrap();
    assert!(gone.set_no_delay(true).is_err());
    assert!(options::<Layered<Memory>>().is_none());
}

#[test]
fn a_port_that_is_paused_lets_nobody_in_and_refuses_nobody() {
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
    // Whoever waits in the queue of a port that is stopped waits in vain.
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

/// Pauses its port once so many have come.
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
