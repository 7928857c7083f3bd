//! What a datagram costs, counted by the allocator.

use std::alloc::System;
use std::cell::Cell;
use std::net::{Ipv4Addr, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::UnixDatagram;
use std::rc::Rc;
use std::time::Duration;

use retwist::{Address, DatagramProtocol, DatagramTransport, Reactor, UdpListen};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Sends what it receives back, by its own port or another.
struct Relay {
    by: Option<DatagramTransport>,
    heard: Rc<Cell<usize>>,
}

impl DatagramProtocol for Relay {
    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
        self.heard.set(self.heard.get() + 1);
        let transport = self.by.as_ref().unwrap_or(transport);
        transport.send_to(data, from);
    }
}

/// Keeps its transport for another.
struct Outward(Rc<Cell<Option<DatagramTransport>>>);

impl DatagramProtocol for Outward {
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        self.0.set(Some(transport.clone()));
    }
}

fn local() -> UdpListen {
    UdpListen::port(0).interface(Ipv4Addr::LOCALHOST)
}

/// One test, since the allocator counts for the whole process: others would be counted with it.
#[test]
fn datagrams_are_cheap() {
    an_echo_in_its_steady_state_allocates_nothing();
    a_relay_in_its_steady_state_allocates_nothing();
    an_idle_port_costs_at_most_1024_bytes();
    #[cfg(unix)]
    unix_sockets_in_their_steady_state_allocate_nothing();
}

fn an_echo_in_its_steady_state_allocates_nothing() {
    let reactor = Reactor::new().unwrap();
    let heard = Rc::new(Cell::new(0));
    let echo = Relay {
        by: None,
        heard: heard.clone(),
    };
    let port = reactor.listen_udp(local(), echo).unwrap();
    steady(&reactor, &port.address(), &heard);
}

/// What is sent from another port goes out at the end of the pass.
fn a_relay_in_its_steady_state_allocates_nothing() {
    let reactor = Reactor::new().unwrap();
    let (heard, kept) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(None)));
    reactor.listen_udp(local(), Outward(kept.clone())).unwrap();
    reactor.iterate(Duration::ZERO).unwrap();
    let relay = Relay {
        by: Some(kept.take().expect("it has been started")),
        heard: heard.clone(),
    };
    let port = reactor.listen_udp(local(), relay).unwrap();
    steady(&reactor, &port.address(), &heard);
}

/// Exchanges datagrams, one at a time and in bursts, of several lengths, until nothing new is
/// allocated for them.
fn steady(reactor: &Reactor, there: &Address, heard: &Cell<usize>) {
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let there = there.socket().unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    // The system keeps a burst of 20 short datagrams for a reader, and 3 long ones.
    let bursts = [(0, 20), (1, 20), (100, 20), (1400, 20), (9000, 3)];
    let send = |data: &[u8]| client.send_to(data, there).unwrap();
    steady_with(reactor, heard, &bursts, send, |answer| {
        client.recv(answer).unwrap()
    });
}

/// A client that has a name, of either kind.
#[cfg(unix)]
fn unix_sockets_in_their_steady_state_allocate_nothing() {
    let folder = std::env::temp_dir();
    let path = |name| folder.join(format!("retwist-counting-{}-{name}", std::process::id()));
    let (server, client) = (path("server"), path("client"));
    let reactor = Reactor::new().unwrap();
    let heard = Rc::new(Cell::new(0));
    let echo = Relay {
        by: None,
        heard: heard.clone(),
    };
    reactor.listen_unix_datagram(&server, echo).unwrap();
    let socket = UnixDatagram::bind(&client).unwrap();
    socket.connect(&server).unwrap();
    // Linux keeps 10 for a reader.
    let bursts = [(0, 8), (1, 8), (9000, 3)];
    let send = |data: &[u8]| socket.send(data).unwrap();
    steady_with(&reactor, &heard, &bursts, send, |answer| {
        socket.recv(answer).unwrap()
    });
    std::fs::remove_file(&client).unwrap();
}

/// With any client: `bursts` are lengths, each with how many of it the system keeps for a reader.
fn steady_with(
    reactor: &Reactor,
    heard: &Cell<usize>,
    bursts: &[(usize, usize)],
    send: impl Fn(&[u8]) -> usize,
    receive: impl Fn(&mut [u8]) -> usize,
) {
    let mut answer = vec![0; 70_000];
    for &(length, most) in bursts {
        let data = vec![7; length];
        for burst in [1, 3, most] {
            let mut round = || {
                let before = heard.get();
                for _ in 0..burst {
                    send(&data);
                }
                while heard.get() < before + burst {
                    reactor.iterate(Duration::from_secs(1)).unwrap();
                }
                for _ in 0..burst {
                    assert_eq!(receive(&mut answer), length);
                }
            };
            for _ in 0..20 {
                round();
            }
            // The first of a kind may still grow a buffer; a datagram that allocates does so each time.
            let least = (0..5).map(|_| {
                let region = Region::new(GLOBAL);
                for _ in 0..100 {
                    round();
                }
                let change = region.change();
                change.allocations + change.reallocations
            });
            assert_eq!(least.min(), Some(0), "{burst} of {length} bytes");
        }
    }
}

fn an_idle_port_costs_at_most_1024_bytes() {
    const PORTS: usize = 200;
    let reactor = Reactor::new().unwrap();
    let open = || {
        let heard = Rc::new(Cell::new(0));
        let echo = Relay {
            by: None,
            heard: heard.clone(),
        };
        let port = reactor.listen_udp(local(), echo).unwrap();
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let there = port.address().socket().unwrap();
        for _ in 0..3 {
            client.send_to(&[7; 1400], there).unwrap();
        }
        while heard.get() < 3 {
            reactor.iterate(Duration::from_secs(1)).unwrap();
        }
    };
    for _ in 0..64 {
        open();
    }
    let region = Region::new(GLOBAL);
    for _ in 0..PORTS {
        open();
    }
    let change = region.change();
    let bytes = change.bytes_allocated - change.bytes_deallocated;
    assert!(bytes / PORTS <= 1024, "{} bytes a port", bytes / PORTS);
}
