use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::Duration;

use retwist::{
    Address, ConnectionState, ListeningPort, Protocol, Reactor, TcpListen, TransportRef,
};

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(data);
    }
}

fn serve(reactor: &Reactor) -> (ListeningPort, std::net::SocketAddr) {
    let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
    let port = reactor.listen_tcp(listen, |_| Echo).unwrap();
    let address = port.address().socket().unwrap();
    (port, address)
}

/// Makes passes until this is so.
fn run_until(reactor: &Reactor, mut is_so: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if is_so() {
            return;
        }
        reactor.iterate(Duration::from_millis(100)).unwrap();
    }
    panic!("it never comes to that");
}

#[test]
fn bytes_are_counted_whatever_their_number_and_however_they_go() {
    let reactor = Reactor::new().unwrap();
    let (port, address) = serve(&reactor);
    let mut total = 0;
    for size in [1, 100, 64 * 1024 - 1, 64 * 1024, 3_000_000] {
        let mut client = TcpStream::connect(address).unwrap();
        total += size as u64;
        let writer = {
            let mut client = client.try_clone().unwrap();
            std::thread::spawn(move || {
                client.write_all(&vec![7; size]).unwrap();
                client.shutdown(Shutdown::Write).unwrap();
            })
        };
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            client.read_to_end(&mut all).unwrap();
            all.len()
        });
        run_until(&reactor, || reactor.stats().sent == total);
        assert_eq!(reactor.stats().received, total);
        run_until(&reactor, || reactor.stats().connections.total() == 0);
        assert_eq!(reader.join().unwrap(), size);
        writer.join().unwrap();
    }
    let stats = reactor.stats();
    assert_eq!((stats.received, stats.sent), (total, total));
    assert_eq!((stats.begun, stats.ended, stats.broken), (5, 5, 0));
    assert_eq!(stats.accepted, 5);
    assert!(
        stats.callbacks >= 15,
        "made, bytes, lost: {}",
        stats.callbacks
    );
    port.stop_listening();
    let ports = reactor.stats().ports;
    assert_eq!(ports.len(), 1, "it can listen again: {ports:?}");
    assert!(!ports[0].listening);
    drop(port);
    assert_eq!(reactor.stats().ports, []);
}

#[test]
fn both_ends_of_a_connection_are_listed() {
    let reactor = Reactor::new().unwrap();
    let (port, address) = serve(&reactor);
    let connector = reactor.connect_tcp(address, |_| Echo);
    run_until(&reactor, || reactor.stats().connections.total() == 2);
    let stats = reactor.stats();
    assert_eq!(stats.outgoing, 1);
    assert_eq!(stats.connections.of(ConnectionState::Open), 2);
    assert_eq!(stats.ports[0].connections, 1);
    let (accepted, made): (Vec<_>, Vec<_>) =
        reactor.connections().partition(|one| one.port.is_some());
    assert_eq!(accepted[0].port, Some(port.address()));
    assert_eq!(made[0].peer, Address::from(address));
    assert_ne!(accepted[0].id, made[0].id);
    // A walk that goes on while its connections end.
    let mut walk = reactor.connections();
    let first = walk.next().unwrap();
    reactor.connection(first.id).unwrap().abort_connection();
    run_until(&reactor, || reactor.stats().connections.total() == 0);
    assert_eq!(walk.next(), None);
    let stats = reactor.stats();
    assert_eq!((stats.ended, stats.broken), (2, 2));
    drop(connector);
}

#[test]
fn what_is_refused_is_counted_with_the_reason() {
    let reactor = Reactor::new().unwrap();
    let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
    let port = reactor
        .listen_tcp(listen, |_: &Address| None::<Echo>)
        .unwrap();
    let address = port.address().socket().unwrap();
    let clients = [(); 3].map(|()| TcpStream::connect(address).unwrap());
    run_until(&reactor, || port.stats().refused.by_factory == 3);
    let stats = reactor.stats();
    assert_eq!(stats.refused.by_reason()[0], ("factory", 3));
    assert_eq!((stats.accepted, stats.begun), (0, 0));
    drop(clients);
}

#[test]
fn a_thread_pool_tells_how_busy_it_is() {
    use retwist::deferred::ThreadPool;
    let reactor = Reactor::new().unwrap();
    let pool = ThreadPool::new(&reactor);
    pool.set_size(1);
    let (release, held) = std::sync::mpsc::channel::<()>();
    let busy = pool.defer_to_thread(move || {
        let _ = held.recv();
    });
    let waiting = pool.defer_to_thread(|| ());
    let figure = |wanted: &str| {
        let figures = reactor.stats().figures;
        figures
            .iter()
            .find(|figure| figure.name.name() == wanted)
            .map(|figure| figure.value)
    };
    assert_eq!(figure("threads"), Some(1));
    run_until(&reactor, || {
        figure("threads_busy") == Some(1) && figure("threads_jobs_waiting") == Some(1)
    });
    drop(release);
    run_until(&reactor, || figure("threads_busy") == Some(0));
    assert_eq!(figure("threads_jobs_waiting"), Some(0));
    drop((busy, waiting));
    drop(pool);
    reactor.iterate(Duration::ZERO).unwrap();
    let has_gone = || figure("threads").is_none();
    run_until(&reactor, has_gone);
}

#[test]
fn a_reactor_that_has_gone_has_nothing_to_tell() {
    let reactor = Reactor::new().unwrap();
    let handle = reactor.handle();
    let (port, address) = serve(&reactor);
    let client = TcpStream::connect(address).unwrap();
    run_until(&reactor, || reactor.stats().connections.total() == 1);
    drop(reactor);
    let stats = handle.stats();
    assert_eq!(stats.connections.total(), 0);
    assert_eq!(stats.ports, []);
    assert_eq!((stats.accepted, stats.ended), (1, 1));
    assert_eq!(handle.connections().count(), 0);
    assert_eq!(port.stats().accepted, 0);
    drop(client);
}
