use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use retwist::testing::MemoryReactor;
use retwist::{
    Address, ConnectionState, FigureKind, FigureName, Protocol, ProtocolHandle, TransportRef,
};

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(data);
    }

    fn read_connection_lost(&mut self, _: &TransportRef) {}
}

struct Client;

impl Protocol for Client {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(b"hello");
    }

    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}

    fn read_connection_lost(&mut self, _: &TransportRef) {}
}

const PORT: u16 = 7;

fn address() -> Address {
    Address::Tcp(([127, 0, 0, 1], PORT).into())
}

#[test]
fn connections_count_by_port_and_state_and_go_on_counting_when_they_have_ended() {
    let reactor = MemoryReactor::new();
    let full = Rc::new(Cell::new(false));
    let is_full = full.clone();
    let build = move |_: &Address| (!is_full.get()).then_some(Echo);
    let port = reactor.listen_tcp(([127, 0, 0, 1], PORT), build).unwrap();
    let pairs = [(); 3].map(|()| reactor.accept(&address(), Client).unwrap());
    pairs[0].run();
    full.set(true);
    assert!(reactor.accept(&address(), Client).is_none());

    let stats = reactor.stats();
    assert_eq!(stats.ports, [port.stats()]);
    assert_eq!(stats.ports[0].connections, 3);
    assert_eq!((stats.ports[0].accepted, stats.accepted), (3, 3));
    assert_eq!(stats.ports[0].refused.by_factory, 1);
    assert_eq!(stats.refused.total(), 1);
    assert_eq!(stats.connections.of(ConnectionState::Open), 3);
    assert_eq!(stats.outgoing, 0);
    assert_eq!((stats.received, stats.sent), (15, 15));
    assert_eq!(stats.broken, 0);

    reactor.clock().advance(Duration::from_secs(90));
    let list: Vec<_> = reactor.connections().collect();
    assert_eq!(list.len(), 3);
    for (seen, pair) in list.iter().zip(&pairs) {
        assert_eq!(Some(seen.id), pair.server().connection_id());
        assert_eq!(seen.port.as_ref(), Some(&address()));
        assert_eq!((seen.received, seen.sent, seen.deliveries), (5, 5, 1));
        assert_eq!(seen.age, Duration::from_secs(90));
        assert!(!seen.paused);
    }

    pairs[0].server().lose_connection();
    pairs[0].client().lose_connection();
    pairs[1].client().abort_connection();
    pairs[2].server().lose_write_connection();
    pairs[0].run();
    let stats = reactor.stats();
    assert_eq!(stats.connections.of(ConnectionState::HalfClosed), 1);
    assert_eq!(stats.connections.total(), 1);
    assert_eq!((stats.received, stats.accepted), (15, 3));
    drop(pairs);
    assert_eq!(reactor.connections().count(), 0);
}

#[test]
fn a_connection_is_found_by_its_number_and_can_be_ended() {
    let reactor = MemoryReactor::new();
    reactor
        .listen_tcp(([127, 0, 0, 1], PORT), |_| Echo)
        .unwrap();
    let pair = reactor.accept(&address(), Client).unwrap();
    pair.run();
    let id = pair.server().connection_id().unwrap();
    assert_ne!(pair.client().connection_id(), Some(id));
    assert!(format!("{:?}", pair.server()).contains(&format!("id: Some({id})")));
    let found = reactor.connection(id).unwrap();
    assert_eq!(found.peer(), pair.server().peer());
    found.abort_connection();
    pair.run();
    assert!(reactor.connection(id).is_none());
    assert!(reactor.connection(0.into()).is_none());
}

#[test]
fn the_lag_is_how_late_timers_are_called() {
    let reactor = MemoryReactor::new();
    let clock = reactor.clock().clone();
    clock.call_later(Duration::from_secs(1), || {});
    clock.call_later(Duration::from_secs(1), || {});
    clock.advance(Duration::from_secs(10));
    let stats = reactor.stats();
    assert_eq!(stats.lag.longest(), Duration::ZERO);
    assert_eq!((stats.lag.count(), stats.timers_called), (1, 2));
    let cancelled = clock.call_later(Duration::from_secs(1), || {});
    clock.call_later(Duration::from_secs(2), || {});
    assert_eq!(reactor.stats().timers, 2);
    cancelled.cancel();
    assert_eq!(reactor.stats().timers, 1);
}

#[test]
fn counters_and_gauges_have_names() {
    let reactor = MemoryReactor::new();
    let figures = reactor.clock().figures();
    let failure = |alert: &'static str| FigureName::from("tls_failures").label("alert", alert);
    figures.counter(failure("unknown_ca")).add(2);
    figures.counter(failure("unknown_ca")).add(1);
    figures.counter(failure("bad_certificate")).add(1);
    let room = Rc::new(Cell::new(3));
    let weak = Rc::downgrade(&room);
    for _ in 0..2 {
        let weak = weak.clone();
        figures.gauge("guests", move || Some(weak.upgrade()?.get()));
    }
    figures.gauge("unlucky", || panic!("not today"));
    let shown = || -> Vec<_> {
        let figures = reactor.stats().figures.into_iter();
        figures
            .map(|figure| format!("{} {}", figure.name, figure.value))
            .collect()
    };
    assert_eq!(
        shown(),
        [
            "guests 6",
            "tls_failures{alert=bad_certificate} 1",
            "tls_failures{alert=unknown_ca} 3"
        ]
    );
    assert_eq!(reactor.stats().figures[0].kind, FigureKind::Gauge);
    drop(room);
    assert_eq!(shown().len(), 2);
}

/// A protocol that looks at its own connection in `connection_lost`.
#[derive(Default)]
struct Last(Option<retwist::ConnectionId>);

impl Protocol for Last {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.0 = transport.connection_id();
        let me = transport.me(self);
        let kept = transport.clone();
        transport.call_later(Duration::ZERO, self, move |_, _| drop((me, kept)));
    }

    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

#[test]
fn a_number_stays_when_protocols_are_switched() {
    let reactor = MemoryReactor::new();
    reactor
        .listen_tcp(([127, 0, 0, 1], PORT), |_| Echo)
        .unwrap();
    let client = ProtocolHandle::new(Last::default());
    let pair = reactor.accept(&address(), &client).unwrap();
    pair.run();
    let id = client.try_call(|client| client.0).unwrap();
    assert_eq!(pair.client().connection_id(), id);
    let old = pair.client();
    old.switch_protocol(Echo.into());
    pair.run();
    assert_eq!(pair.client().connection_id(), id);
    drop(pair);
    assert_eq!(old.connection_id(), None);
}
