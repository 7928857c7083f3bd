//! What only sockets do: both families on one port, other programs, the end of a reactor that runs.

use std::cell::{Cell, RefCell};
use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::{Duration, Instant};

use retwist::{Address, ListeningPort, Reactor, ReactorSettings, UdpListen};

use retwist_conformance::datagrams::{Actor, Event, Peer};

/// A reactor, and ports on it with options that only sockets have.
struct Loop(Reactor);

impl Loop {
    fn new() -> Self {
        Loop(Reactor::new().unwrap())
    }

    fn listen(&self, options: UdpListen, protocol: Actor) -> (ListeningPort, Address) {
        let port = self.0.listen_udp(options, protocol).unwrap();
        let address = port.address();
        (port, address)
    }

    #[track_caller]
    fn until(&self, condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < HANGING, "it never comes to that");
            self.0.iterate(Duration::from_millis(20)).unwrap();
        }
    }

    fn comes_to_rest(&self) {
        for _ in 0..50 {
            self.0.iterate(Duration::ZERO).unwrap();
        }
    }
}

/// When a test is given up: only one that fails comes so far.
const HANGING: Duration = Duration::from_secs(30);

/// A free port on the loopback interface.
fn free() -> UdpListen {
    UdpListen::address(([127, 0, 0, 1], 0).into())
}

/// Another program: a socket of the standard library.
fn stranger(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    socket
}

#[test]
fn with_a_socket_of_the_standard_library() {
    let (way, server) = (Loop::new(), Peer::new());
    let (_port, there) = way.listen(free(), server.echoing());
    let client = stranger("127.0.0.1:0");
    for length in [0, 1, 65_507] {
        client
            .send_to(&vec![3; length], there.socket().unwrap())
            .unwrap();
        let before = server.received().len();
        way.until(|| server.received().len() > before);
        let mut answer = vec![0; 70_000];
        assert_eq!(client.recv(&mut answer).unwrap(), length);
    }
}

#[test]
fn both_families_on_one_port() {
    let (way, server) = (Loop::new(), Peer::new());
    let any = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0);
    let (_port, there) = way.listen(UdpListen::address(any).dual_stack(true), server.echoing());
    let port = there.port().unwrap();
    for (from, to) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1")] {
        let client = stranger(from);
        client.send_to(b"hello", (to, port)).unwrap();
        let before = server.received().len();
        way.until(|| server.received().len() > before);
        let mut answer = [0; 10];
        assert_eq!(client.recv(&mut answer).unwrap(), 5);
        // It is answered by its IPv4 address as well as by the one that it is shown with.
        let own = Address::Udp(client.local_addr().unwrap());
        server.transport().send_to(b"again", &own);
        way.comes_to_rest();
        assert_eq!(client.recv(&mut answer).unwrap(), 5);
    }
    assert_eq!(server.count(|event| matches!(event, Event::Failed(..))), 0);
}

#[test]
fn one_port_for_each_family() {
    let way = Loop::new();
    let (one, other) = (Peer::new(), Peer::new());
    let any = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0);
    let (_port, there) = way.listen(UdpListen::address(any), one.quiet());
    way.listen(UdpListen::port(there.port().unwrap()), other.quiet());
    way.until(|| !one.events().is_empty() && !other.events().is_empty());
}

/// A full send buffer: what the system does not take waits, and goes out in order.
#[test]
fn a_small_send_buffer_loses_nothing() {
    let (way, server, client) = (Loop::new(), Peer::new(), Peer::new());
    let (_port, there) = way.listen(free().receive_buffer(4_000_000), server.quiet());
    way.listen(free().send_buffer(1), client.quiet());
    way.until(|| !client.events().is_empty());
    for number in 0..100_u8 {
        client.transport().send_to(&[number; 1000], &there);
    }
    way.until(|| server.received().len() == 100);
    let numbers: Vec<u8> = server.received().iter().map(|data| data[0]).collect();
    assert_eq!(numbers, (0..100).collect::<Vec<u8>>());
    assert_eq!(client.events(), [Event::Started]);
}

#[test]
fn the_end_of_a_reactor_that_runs() {
    let settings = ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    };
    let reactor = Reactor::with_settings(settings).unwrap();
    let peer = Peer::new();
    let client = stranger("127.0.0.1:0");
    let to = Address::Udp(client.local_addr().unwrap());
    let says_goodbye = peer.reacting(move |transport, event| {
        if *event == Event::ShuttingDown {
            transport.send_to(b"goodbye", &to);
        }
    });
    reactor.listen_udp(free(), says_goodbye).unwrap();
    let handle = reactor.handle();
    reactor.call_later(Duration::from_millis(10), move || handle.stop());
    reactor.run().unwrap();
    assert_eq!(
        peer.events(),
        [
            Event::Started,
            Event::ShuttingDown,
            Event::Stopped("Done".to_owned())
        ]
    );
    let mut heard = [0; 10];
    assert_eq!(client.recv(&mut heard).unwrap(), 7);
}

/// A flood from another program, and a timer that is on time all the same.
#[test]
fn a_flood_does_not_stop_the_clock() {
    let (way, server) = (Loop::new(), Peer::new());
    let (_port, there) = way.listen(free(), server.quiet());
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let floods = {
        let stop = stop.clone();
        std::thread::spawn(move || {
            let client = stranger("127.0.0.1:0");
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = client.send_to(b"flood", there.socket().unwrap());
            }
        })
    };
    let rung = Rc::new(Cell::new(0));
    for delay in 1..=5 {
        let rung = rung.clone();
        let rings = move || rung.set(rung.get() + 1);
        way.0
            .clock()
            .call_later(Duration::from_millis(10 * delay), rings);
    }
    way.until(|| rung.get() == 5 && server.received().len() > 100);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    floods.join().unwrap();
}

#[test]
fn descriptors_are_given_back() {
    let way = Loop::new();
    let count = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let round = || {
        let peer = Peer::new();
        let (port, _) = way.listen(free(), peer.quiet());
        way.until(|| !peer.events().is_empty());
        port.stop_listening();
        way.until(|| peer.is_stopped());
    };
    round();
    let before = count();
    for _ in 0..300 {
        round();
    }
    // Other tests open some of their own meanwhile.
    assert!(count() < before + 200);
}

/// What was received before the close is not for the port that was opened again.
#[test]
fn opened_again_in_a_callback() {
    let way = Loop::new();
    let (server, client) = (Peer::new(), Peer::new());
    let kept: Rc<RefCell<Option<ListeningPort>>> = Rc::default();
    let again = kept.clone();
    let reopens = server.reacting(move |_, event| {
        if matches!(event, Event::Received(data, _) if data == b"1") {
            let port = again.borrow();
            let port = port.as_ref().expect("it is kept");
            port.stop_listening();
            port.start_listening().unwrap();
        }
    });
    let (port, there) = way.listen(free(), reopens);
    *kept.borrow_mut() = Some(port);
    way.listen(free(), client.quiet());
    way.until(|| !client.events().is_empty());
    for data in [b"1", b"2", b"3"] {
        client.transport().send_to(data, &there);
    }
    way.until(|| server.events().len() == 4);
    client.transport().send_to(b"4", &there);
    way.until(|| server.events().len() == 5);
    let kinds = server.events().into_iter().map(|event| match event {
        Event::Received(data, _) => String::from_utf8(data).unwrap(),
        other => format!("{other:?}"),
    });
    let expected = ["Started", "1", r#"Stopped("Done")"#, "Started", "4"];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
    // The protocol keeps its port.
    kept.take();
}
