//! A reactor with nothing to do.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use retwist::{Address, Reactor, TcpListen};

use crate::lifecycle::{reactor, until};
use retwist_conformance::streams::Peer;

/// As long as a pass may sleep.
const LONG: Duration = Duration::from_millis(100);

fn sleeps(reactor: &Reactor) -> bool {
    let begin = Instant::now();
    reactor.iterate(LONG).unwrap();
    begin.elapsed() >= LONG
}

/// What system calls it makes meanwhile (none) is counted by `tests/syscalls.sh`.
#[test]
fn with_silent_connections_it_wakes_for_nothing() {
    let reactor = reactor();
    let listen = TcpListen::port(0).interface([127, 0, 0, 1]);
    let factory = |_: &Address| Peer::new().echoing();
    let port = reactor.listen_tcp(listen, factory).unwrap();
    let address = port.address().socket().unwrap();
    let clients = [(); 20].map(|()| TcpStream::connect(address).unwrap());
    for mut client in &clients {
        client.write_all(b"?").unwrap();
        client.set_nonblocking(true).unwrap();
        until(&reactor, || {
            (&mut &*client).read(&mut [0]).is_ok_and(|count| count == 1)
        });
    }
    // What the system still tells of them takes a pass or two.
    assert!((0..100).any(|_| sleeps(&reactor)), "it never comes to rest");
    for _ in 0..5 {
        assert!(sleeps(&reactor));
    }
}
