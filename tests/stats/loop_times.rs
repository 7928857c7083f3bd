use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use retwist::{Protocol, Reactor, TcpListen, TransportRef, Work};

/// Takes its time for each message.
struct Slow;

const TIME: Duration = Duration::from_millis(20);

impl Protocol for Slow {
    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {
        let began = Instant::now();
        while began.elapsed() < TIME {
            std::hint::spin_loop();
        }
    }
}

#[test]
fn the_longest_work_is_named_while_the_loop_is_watched() {
    let reactor = Reactor::new().unwrap();
    let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
    let port = reactor.listen_tcp(listen, |_| Slow).unwrap();
    let mut client = TcpStream::connect(port.address()).unwrap();
    while reactor.stats().connections.total() == 0 {
        reactor.iterate(Duration::from_millis(100)).unwrap();
    }
    assert_eq!(reactor.stats().work, None, "it is not watched yet");

    let watch = reactor.watch_loop();
    client.write_all(b"now").unwrap();
    while reactor.stats().received == 0 {
        reactor.iterate(Duration::from_millis(100)).unwrap();
    }
    // The pass is measured when the next one goes to sleep.
    reactor.iterate(Duration::ZERO).unwrap();
    let work = reactor.stats().work.unwrap();
    let longest = work.longest.unwrap();
    let id = reactor.connections().next().unwrap().id;
    assert_eq!(longest.work, Work::Connection(id));
    assert!(longest.time >= TIME);
    assert_eq!(work.pieces.longest(), longest.time);
    assert!(work.passes.longest() >= TIME);

    drop(watch);
    client.write_all(b"again").unwrap();
    while reactor.stats().received < 8 {
        reactor.iterate(Duration::from_millis(100)).unwrap();
    }
    assert_eq!(
        reactor.stats().work.unwrap().pieces,
        work.pieces,
        "nothing is measured without a watch"
    );
}

#[test]
fn the_lag_shows_a_callback_that_held_up_the_loop() {
    let reactor = Reactor::new().unwrap();
    let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
    let port = reactor.listen_tcp(listen, |_| Slow).unwrap();
    let mut client = TcpStream::connect(port.address()).unwrap();
    client.write_all(b"now").unwrap();
    while reactor.stats().connections.total() == 0 {
        reactor.iterate(Duration::from_millis(100)).unwrap();
    }
    // Due long before the callback has ended.
    reactor.call_later(Duration::from_millis(1), || {});
    while reactor.stats().received == 0 || reactor.stats().timers_called == 0 {
        reactor.iterate(Duration::ZERO).unwrap();
    }
    assert_eq!(reactor.stats().lag.count(), 1);
}
