//! What a connection costs, counted by the allocator.

use std::alloc::System;
use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use retwist::{Address, Protocol, Reactor, TcpListen, TransportRef};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

struct Echo {
    heard: Rc<Cell<usize>>,
}

impl Protocol for Echo {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        self.heard.set(self.heard.get() + data.len());
        transport.write(data);
    }
}

/// A reactor that serves echo to this many clients, and the number of bytes that it has received.
struct Served {
    reactor: Reactor,
    heard: Rc<Cell<usize>>,
    address: std::net::SocketAddr,
}

impl Served {
    fn new() -> Self {
        let reactor = Reactor::new().unwrap();
        let heard = Rc::new(Cell::new(0));
        let counter = heard.clone();
        let factory = move |_: &Address| Echo {
            heard: counter.clone(),
        };
        let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
        let port = reactor.listen_tcp(listen, factory).unwrap();
        let address = port.address().socket().unwrap();
        Served {
            reactor,
            heard,
            address,
        }
    }

    /// One message there and back.
    fn exchange(&self, client: &mut TcpStream, message: &[u8], answer: &mut [u8]) {
        let before = self.heard.get();
        client.write_all(message).unwrap();
        while self.heard.get() < before + message.len() {
            self.reactor.iterate(Duration::from_secs(1)).unwrap();
        }
        client.read_exact(answer).unwrap();
    }
}

/// One test, since the allocator counts for the whole process: others would be counted with it.
#[test]
fn connections_are_cheap() {
    a_callback_in_its_steady_state_allocates_nothing();
    an_idle_connection_costs_at_most_512_bytes();
    a_peer_that_never_reads_costs_at_most_256_kilobytes();
}

fn a_callback_in_its_steady_state_allocates_nothing() {
    let served = Served::new();
    let mut clients = [(); 3].map(|()| TcpStream::connect(served.address).unwrap());
    for size in [1, 100, 4_000, 40_000] {
        let (message, mut answer) = (vec![7; size], vec![0; size]);
        for _ in 0..20 {
            for client in &mut clients {
                served.exchange(client, &message, &mut answer);
            }
        }
        // What the system cuts a message into is not always the same, and the first of a kind may
        // still grow a buffer; a callback that allocates does so each time.
        let mut allocated = (0..5).map(|_| {
            let region = Region::new(GLOBAL);
            for _ in 0..200 {
                for client in &mut clients {
                    served.exchange(client, &message, &mut answer);
                }
            }
            let change = region.change();
            change.allocations + change.reallocations
        });
        assert!(
            allocated.any(|allocated| allocated == 0),
            "messages of {size} bytes"
        );
    }
}

fn an_idle_connection_costs_at_most_512_bytes() {
    const CONNECTIONS: usize = 1_000;
    let served = Served::new();
    // What is made once for all of them.
    let mut first = TcpStream::connect(served.address).unwrap();
    let mut answer = [0; 5];
    served.exchange(&mut first, b"first", &mut answer);
    let mut clients = Vec::with_capacity(CONNECTIONS);
    let region = Region::new(GLOBAL);
    for _ in 0..CONNECTIONS {
        let mut client = TcpStream::connect(served.address).unwrap();
        served.exchange(&mut client, b"hello", &mut answer);
        clients.push(client);
    }
    let change = region.change();
    let bytes = change.bytes_allocated as isize - change.bytes_deallocated as isize;
    let each = bytes / CONNECTIONS as isize;
    println!("an idle echo connection costs {each} bytes of heap");
    assert!(each <= 512, "{each} bytes");
}

fn a_peer_that_never_reads_costs_at_most_256_kilobytes() {
    const CONNECTIONS: usize = 10;
    /// After this many looks in a row that find nothing to do, it is stuck.
    const LOOKS: usize = 5;
    let message = vec![7; 1_000_000];
    for size in [10_000, 65_537, 1_000_000] {
        let served = Served::new();
        let mut clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| TcpStream::connect(served.address).unwrap())
            .collect();
        for client in &mut clients {
            served.exchange(client, b"hello", &mut [0; 5]);
            client.set_nonblocking(true).unwrap();
        }
        let region = Region::new(GLOBAL);
        let mut stuck = 0;
        while stuck < LOOKS {
            let before = served.heard.get();
            let taken: usize = clients
                .iter_mut()
                .map(|client| send_all_that_fits(client, &message[..size]))
                .sum();
            served.reactor.iterate(Duration::from_millis(10)).unwrap();
            let moved = taken > 0 || served.heard.get() > before;
            stuck = if moved { 0 } else { stuck + 1 };
        }
        let change = region.change();
        let bytes = change.bytes_allocated as isize - change.bytes_deallocated as isize;
        let each = bytes / CONNECTIONS as isize;
        println!("a peer that writes {size} bytes at a time and never reads costs {each}");
        assert!((64 * 1024..=256 * 1024).contains(&each), "{each} bytes");
    }
}

/// How many bytes a connection takes that does not wait.
fn send_all_that_fits(client: &mut TcpStream, message: &[u8]) -> usize {
    let mut taken = 0;
    loop {
        match client.write(message) {
            Ok(count) => taken += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return taken,
            Err(error) => panic!("{error}"),
        }
    }
}
