//! A client's factory that does not give up.

use std::cell::RefCell;
use std::io;
use std::sync::Once;
use std::time::Duration;

use retwist_deferred::{Backoff, Reconnecting, Retries};
use retwist_reactor::testing::MemoryReactor;
use retwist_reactor::{
    FactoryRef, Protocol, ReactorTcp, TcpConnect, TcpListen, TransportRef, factory,
};

const SECOND: Duration = Duration::from_secs(1);
const ADDRESS: &str = "192.0.2.1:80";

struct Client;

impl Protocol for Client {
    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

fn connect(reactor: &MemoryReactor) -> Retries {
    let factory = Reconnecting::new(factory(|_| Client));
    let retries = factory.retries();
    retries.set_backoff(Backoff {
        factor: 2.0,
        jitter: Duration::ZERO,
        ..Backoff::default()
    });
    reactor.connect(
        TcpConnect::address(ADDRESS.parse().unwrap()),
        FactoryRef::from(factory),
    );
    retries
}

fn refuse(reactor: &MemoryReactor) {
    let error = io::Error::from(io::ErrorKind::ConnectionRefused);
    reactor.connecting()[0].fail(error.into());
    reactor.clock().run();
}

#[test]
fn it_tries_again_and_again() {
    let reactor = MemoryReactor::new();
    let listen = TcpListen::address(ADDRESS.parse().unwrap());
    reactor.listen_tcp(listen, |_| Client).unwrap();
    let retries = connect(&reactor);
    for wait in [2, 4, 8] {
        refuse(&reactor);
        reactor.clock().advance(SECOND * wait);
        assert_eq!(reactor.connecting().len(), 1);
    }
    let pair = reactor.complete(&reactor.connecting()[0]).unwrap();
    pair.run();
    retries.reset_delay();
    pair.server().lose_connection();
    pair.run();
    reactor.clock().advance(SECOND * 2);
    assert_eq!(reactor.connecting().len(), 1);
    retries.stop_trying();
    reactor.clock().run();
    assert_eq!(
        (reactor.connecting().len(), reactor.clock().pending_calls()),
        (0, 0)
    );
}

#[test]
fn it_stops_when_it_is_told_or_has_tried_enough() {
    let reactor = MemoryReactor::new();
    let retries = connect(&reactor);
    refuse(&reactor);
    assert_eq!(reactor.clock().pending_calls(), 1);
    retries.stop_trying();
    assert_eq!(reactor.clock().pending_calls(), 0);

    // While it connects.
    let reactor = MemoryReactor::new();
    let retries = connect(&reactor);
    retries.stop_trying();
    reactor.clock().run();
    assert_eq!(
        (reactor.connecting().len(), reactor.clock().pending_calls()),
        (0, 0)
    );

    // While it is connected: that connection lives on, and is the last.
    let reactor = MemoryReactor::new();
    let listen = TcpListen::address(ADDRESS.parse().unwrap());
    reactor.listen_tcp(listen, |_| Client).unwrap();
    let retries = connect(&reactor);
    let pair = reactor.complete(&reactor.connecting()[0]).unwrap();
    pair.run();
    retries.stop_trying();
    pair.run();
    assert!(pair.client().is_connected());
    pair.server().abort_connection();
    pair.run();
    assert_eq!(reactor.clock().pending_calls(), 0);

    let reactor = MemoryReactor::new();
    connect(&reactor).set_max_retries(1);
    refuse(&reactor);
    reactor.clock().advance(SECOND * 2);
    refuse(&reactor);
    assert_eq!(reactor.clock().pending_calls(), 0);
}

thread_local! {
    static LOGGED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

struct Log;

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LOGGED.with_borrow_mut(|lines| lines.push(record.args().to_string()));
    }

    fn flush(&self) {}
}

/// What this thread has logged since the last time.
fn logged() -> Vec<String> {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        log::set_logger(&Log).unwrap();
        log::set_max_level(log::LevelFilter::Info);
    });
    LOGGED.take()
}

#[test]
fn the_log_has_one_line_for_each_failure() {
    logged();
    let reactor = MemoryReactor::new();
    connect(&reactor).set_max_retries(1);
    refuse(&reactor);
    let lines = logged();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("refused"), "{lines:?}");
    assert!(lines[0].ends_with("connecting again in 2.0 s"), "{lines:?}");

    // After the last attempt, the factory does not connect again.
    reactor.clock().advance(SECOND * 2);
    refuse(&reactor);
    let lines = logged();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with(&format!("connecting to {ADDRESS} failed: ")),
        "{lines:?}"
    );

    // A factory that never connects again.
    reactor.connect_tcp(ADDRESS, |_| Client);
    refuse(&reactor);
    assert_eq!(logged(), lines);
}
