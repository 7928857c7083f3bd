//! What each policy is there for.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use retwist_protocols::{
    FactoryPolicy, Limits, Policy, Tap, ThrottleReads, ThrottleWrites, TimedOut, Timeout,
    TimeoutLayer,
};
use retwist_reactor::testing::{ManualClock, Pair, RecordingTransport};
use retwist_reactor::{
    Address, Factory, FactoryRef, Producer, ProducerKind, Protocol, ProtocolRef, Reason,
    TransportRef, factory,
};

use crate::common::{Ear, address};

const SECOND: Duration = Duration::from_secs(1);

/// Closes nothing.
struct Stubborn;

impl Protocol for Stubborn {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.pause_producing();
    }

    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

#[test]
fn an_idle_connection_is_closed() {
    let ear = Ear::default();
    let pair = Pair::new(
        Ear::default(),
        Timeout::new().idle(10 * SECOND).wrap(ear.clone()),
    );
    pair.run();
    pair.advance(9 * SECOND);
    pair.client().write(b"x");
    pair.advance(9 * SECOND);
    ear.transport().write(b"x");
    pair.advance(9 * SECOND);
    assert!(
        ear.error::<TimedOut>().is_none(),
        "what comes and what goes counts"
    );
    pair.advance(SECOND);
    assert_eq!(ear.error(), Some(TimedOut::Idle(10 * SECOND)));
    assert_eq!(pair.clock().pending_calls(), 0);
}

#[test]
fn a_connection_that_is_busy_for_too_long_is_closed() {
    let ear = Ear::default();
    let pair = Pair::new(
        Ear::default(),
        Timeout::new()
            .idle(2 * SECOND)
            .total(5 * SECOND)
            .wrap(ear.clone()),
    );
    for _ in 0..5 {
        pair.run();
        pair.client().write(b"x");
        pair.advance(SECOND);
    }
    assert_eq!(ear.error(), Some(TimedOut::Total(5 * SECOND)));
    assert_eq!(ear.heard.borrow().len(), 5);
}

#[test]
fn a_close_that_takes_too_long_is_an_abort() {
    let ear = Ear::default();
    let timed = Timeout::new()
        .idle(10 * SECOND)
        .grace(3 * SECOND)
        .wrap(ear.clone());
    let pair = Pair::new(Stubborn, timed);
    pair.run();
    ear.transport().write(&vec![0; 1_000_000]);
    // Whether it takes any of this is known after another ten seconds.
    pair.advance(22 * SECOND);
    assert!(
        ear.error::<TimedOut>().is_none(),
        "what was written may still be sent"
    );
    pair.advance(SECOND);
    assert_eq!(ear.error(), Some(TimedOut::Idle(10 * SECOND)));
    assert_eq!(pair.clock().pending_calls(), 0);
}

#[test]
fn phases_have_limits_of_their_own() {
    let ear = Ear::default();
    let pair = Pair::new(Ear::default(), Timeout::new().wrap(ear.clone()));
    pair.advance(1000 * SECOND);
    let timeout = TimeoutLayer::of(&ear.transport()).expect("there is a timeout below");
    assert_eq!(timeout.set_idle(Some(SECOND)), None);
    assert_eq!(timeout.set_idle(Some(5 * SECOND)), Some(SECOND));
    pair.advance(4 * SECOND);
    assert_eq!(timeout.set_idle(None), Some(5 * SECOND));
    pair.advance(1000 * SECOND);
    assert!(ear.error::<TimedOut>().is_none());
    assert_eq!(timeout.set_total(Some(SECOND)), None);
    pair.advance(SECOND);
    assert_eq!(ear.error(), Some(TimedOut::Total(SECOND)));
}

#[test]
fn reads_keep_to_the_rate() {
    let ear = Ear::default();
    let pair = Pair::new(
        Ear::default(),
        ThrottleReads::each(10_000, 1).wrap(ear.clone()),
    );
    let pair = pair.cut(1000).window(10_000);
    pair.run();
    pair.client().write(&vec![0; 1_000_000]);
    for seconds in 1..=10 {
        pair.advance(SECOND);
        let most = 10_000 * seconds + 1000;
        assert!(
            (most - 2000..=most).contains(&ear.heard.borrow().len()),
            "{} in {seconds} s",
            ear.heard.borrow().len()
        );
    }
    let outstanding = pair.client().buffered();
    assert!(outstanding > 800_000, "the peer waits: {outstanding}");
}

#[test]
fn a_factory_reads_at_one_rate() {
    let clock = Rc::new(ManualClock::new());
    let ears = [Ear::default(), Ear::default(), Ear::default()];
    let throttle = ThrottleReads::together(30_000, 1);
    let pairs = ears
        .clone()
        .map(|ear| Pair::on(&clock, Ear::default(), throttle.clone().wrap(ear)).cut(1000));
    clock.run();
    for pair in &pairs {
        pair.client().write(&vec![0; 1_000_000]);
    }
    clock.advance(10 * SECOND);
    let heard = ears.each_ref().map(|ear| ear.heard.borrow().len());
    let sum: usize = heard.iter().sum();
    assert!((298_000..=304_000).contains(&sum), "{heard:?}");
    assert!(heard.iter().all(|&heard| heard > 90_000), "{heard:?}");
}

#[test]
fn writes_keep_to_the_rate_after_a_burst() {
    let (ear, client) = (Ear::default(), Ear::default());
    let pair = Pair::new(
        client.clone(),
        ThrottleWrites::each(10_000, 5000).wrap(ear.clone()),
    );
    pair.run();
    ear.transport().write(&vec![0; 45_000]);
    ear.transport().lose_connection();
    pair.run();
    assert_eq!(client.heard.borrow().len(), 5000);
    assert_eq!(ear.transport().buffered(), 40_000);
    for seconds in 1..4 {
        pair.advance(SECOND);
        let most = 5000 + 10_000 * seconds;
        assert!(
            (most - 1024..=most).contains(&client.heard.borrow().len()),
            "{}",
            client.heard.borrow().len()
        );
        assert!(client.lost.borrow().is_none());
    }
    pair.advance(SECOND);
    assert_eq!(client.heard.borrow().len(), 45_000);
    assert!(client.lost.borrow().as_ref().is_some_and(Reason::is_clean));
}

#[test]
fn what_a_layer_above_writes_keeps_its_place_and_counts_against_no_limit() {
    let ear = Ear::default();
    let throttle = ThrottleWrites::each(10, 10).output_limit(40);
    let recording = RecordingTransport::connect(throttle.wrap(ear.clone()));
    let transport = ear.transport();
    transport.write(&[b'a'; 50]);
    transport.write_control(&[b'C'; 30]);
    transport.write(&[b'b'; 10]);
    recording.clock().advance(20 * SECOND);
    let written = recording.take_written();
    assert_eq!(
        written,
        [&[b'a'; 50][..], &[b'C'; 30], &[b'b'; 10]].concat()
    );
    assert!(ear.lost.borrow().is_none());
}

#[test]
fn a_close_from_below_a_throttle_comes_after_what_was_written() {
    let (client, server) = (Ear::default(), Ear::saying(&[b'x'; 1000]));
    let throttled = ThrottleWrites::each(100, 100).wrap(server.clone());
    let timed = Timeout::new()
        .total(SECOND)
        .grace(60 * SECOND)
        .wrap(throttled);
    let pair = Pair::new(client.clone(), timed);
    for _ in 0..30 {
        pair.advance(SECOND);
    }
    assert_eq!(client.heard.borrow().len(), 1000);
    assert!(client.lost.borrow().as_ref().is_some_and(Reason::is_clean));
    assert_eq!(server.error::<TimedOut>(), Some(TimedOut::Total(SECOND)));
}

#[test]
fn a_factory_writes_at_one_rate() {
    let clock = Rc::new(ManualClock::new());
    let ears = [Ear::default(), Ear::default(), Ear::default()];
    let throttle = ThrottleWrites::together(30_000, 1000);
    let pairs = ears.clone().map(|ear| {
        let server = Ear::default();
        (
            server.clone(),
            Pair::on(&clock, ear, throttle.clone().wrap(server)),
        )
    });
    clock.run();
    for (server, _) in &pairs {
        server.transport().write(&vec![0; 1_000_000]);
    }
    clock.advance(10 * SECOND);
    let heard = ears.each_ref().map(|ear| ear.heard.borrow().len());
    let sum: usize = heard.iter().sum();
    assert!((295_000..=302_000).contains(&sum), "{heard:?}");
    assert!(heard.iter().all(|&heard| heard > 50_000), "{heard:?}");
}

#[test]
fn what_waits_for_the_rate_is_bounded() {
    let ear = Ear::default();
    let pair = Pair::new(
        Ear::default(),
        ThrottleWrites::each(10, 10)
            .output_limit(1000)
            .wrap(ear.clone()),
    );
    pair.run();
    ear.transport().write(&[0; 2000]);
    assert!(
        ear.transport().is_connected(),
        "one write may have any size"
    );
    ear.transport().write(&[0; 1]);
    pair.run();
    assert!(matches!(
        *ear.lost.borrow(),
        Some(Reason::OutputLimit(1000))
    ));
    assert_eq!(pair.clock().pending_calls(), 0);
}

fn connect(factory: &Rc<impl Factory>, from: &str) -> Option<RecordingTransport> {
    FactoryRef::from(factory.clone())
        .build_protocol(&address(from))
        .map(RecordingTransport::connect)
}

#[test]
fn a_throttled_close_ends_if_the_peer_does_not_read() {
    let (client, server) = (Ear::default(), Ear::default());
    let throttled = ThrottleWrites::each(1_000_000, 10_000).close_timeout(20 * SECOND);
    let pair = Pair::new(client.clone(), throttled.wrap(server.clone()));
    pair.run();
    client.transport().pause_producing();
    server.transport().write(&vec![1; 5_000_000]);
    server.transport().lose_connection();
    pair.advance(5 * SECOND);
    client.transport().resume_producing();
    pair.advance(SECOND / 2);
    client.transport().pause_producing();
    pair.advance(20 * SECOND);
    assert!(server.lost.borrow().is_none(), "it has moved since");
    pair.advance(20 * SECOND);
    let lost = server.lost.borrow().clone();
    assert!(
        matches!(lost, Some(Reason::CloseTimedOut(after)) if after == 20 * SECOND),
        "{lost:?}"
    );
    client.transport().resume_producing();
    pair.run();
    assert_eq!(pair.clock().pending_calls(), 0);
}

#[test]
fn a_throttled_close_may_wait_for_the_rate() {
    let (client, server) = (Ear::default(), Ear::default());
    let throttled = ThrottleWrites::each(10, 1000).close_timeout(SECOND);
    let pair = Pair::new(client.clone(), throttled.wrap(server.clone()));
    pair.run();
    server.transport().write(&[1; 3000]);
    server.transport().lose_connection();
    pair.advance(200 * SECOND);
    assert_eq!(client.heard.borrow().len(), 3000);
    assert!(server.lost.borrow().as_ref().is_some_and(Reason::is_clean));
    assert_eq!(pair.clock().pending_calls(), 0);
}

/// A producer that writes nothing, and is still there after it has finished.
struct Finished(bool);

impl Producer for Finished {
    fn resume_producing(&self) {}

    fn pause_producing(&self) {}

    fn stop_producing(&self) {}

    fn has_finished(&self) -> Option<bool> {
        Some(self.0)
    }
}

#[test]
fn a_throttled_close_waits_only_for_a_producer_that_may_write() {
    for (finished, wait) in [(true, Duration::ZERO), (false, 30 * SECOND)] {
        let server = Ear::default();
        let pair = Pair::new(
            Ear::default(),
            ThrottleWrites::each(1000, 1000).wrap(server.clone()),
        );
        pair.run();
        let producer = Rc::new(Finished(finished));
        server
            .transport()
            .register_producer(producer, ProducerKind::Push)
            .expect("no producer");
        server.transport().lose_connection();
        pair.advance(wait.saturating_sub(SECOND));
        assert_eq!(server.lost.borrow().is_some(), finished);
        pair.advance(SECOND);
        assert!(server.lost.borrow().is_some());
        assert_eq!(pair.clock().pending_calls(), 0);
    }
}

#[test]
fn connections_are_limited_in_all() {
    let limits = Limits::new().total(2);
    let factory = Rc::new(limits.factory(factory(|_| Ear::default())));
    let first = connect(&factory, "192.0.2.1:1").expect("there is room");
    let _second = connect(&factory, "192.0.2.1:2").expect("there is room");
    assert!(connect(&factory, "192.0.2.9:1").is_none());
    first.lose(Reason::Done);
    assert_eq!(factory.policy().connections(), 1);
    assert!(connect(&factory, "192.0.2.9:1").is_some());
}

#[test]
fn connections_are_limited_by_peer() {
    let limits = Limits::new().per_peer(1).ipv6_prefix(56).overflow(|peer| {
        peer.ip()
            .is_some_and(|ip| ip.to_canonical().is_ipv4())
            .then_some(Stubborn)
    });
    let factory = Rc::new(limits.factory(factory(|_| Ear::default())));
    let mut kept = Vec::new();
    for from in [
        "192.0.2.1:1",
        "192.0.2.2:1",
        "[2001:db8:0:100::1]:1",
        "[2001:db8:0:200::1]:1",
    ] {
        kept.push(connect(&factory, from).expect("one for each"));
    }
    assert_eq!(factory.policy().connections(), 4);
    assert!(
        connect(&factory, "192.0.2.1:2")
            .expect("the overflow protocol")
            .is_paused()
    );
    assert!(
        connect(&factory, "[::ffff:192.0.2.1]:3")
            .expect("the overflow protocol")
            .is_paused()
    );
    assert!(
        connect(&factory, "[2001:db8:0:1ff::9]:1").is_none(),
        "in the same /56"
    );
    assert_eq!(factory.policy().connections(), 4, "overflow is not counted");
    kept.clear();
    for _ in 0..2 {
        let unix = FactoryRef::from(factory.clone()).build_protocol(&Address::Unix(None));
        assert!(unix.is_some(), "no peer, no limit by peer");
    }
}

#[test]
fn a_factory_that_refuses_refuses() {
    let refusing = || factory(|_| None::<ProtocolRef>);
    let limits = Rc::new(Limits::new().total(1).factory(refusing()));
    assert!(connect(&limits, "192.0.2.1:1").is_none());
    assert_eq!(limits.policy().connections(), 0, "the place is free again");
    let throttled = ThrottleReads::each(1, 1).factory(refusing());
    let stacked = Timeout::new().factory(Tap::new().factory(throttled));
    assert!(connect(&Rc::new(stacked), "192.0.2.1:1").is_none());
}

#[test]
fn a_protocol_that_is_never_connected_gives_its_place_back() {
    let limits = Limits::new().total(1);
    let limits = Rc::new(limits.factory(factory(|_| Ear::default())));
    drop(FactoryRef::from(limits.clone()).build_protocol(&address("192.0.2.1:1")));
    assert_eq!(limits.policy().connections(), 0);
}

#[test]
fn a_tap_shows_both_ways() {
    let shown = Rc::new(RefCell::new(Vec::new()));
    let lines = shown.clone();
    let tap = Tap::new()
        .limit(4)
        .to(move |peer, event| lines.borrow_mut().push(format!("{peer}: {event}")));
    let ear = Ear::default();
    let recording = RecordingTransport::connect(tap.wrap(ear.clone()));
    recording.receive(b"hi\xff");
    ear.transport().write(b"hello");
    ear.transport().lose_connection();
    recording.lose(Reason::Done);
    let hex = " ".repeat(39);
    assert_eq!(
        *shown.borrow(),
        [
            "peer: connection made".to_owned(),
            format!("peer: received 3 bytes\n0000  68 69 ff{hex}   hi."),
            format!(
                "peer: wrote 5 bytes\n0000  68 65 6c 6c{}  hell\n... and 1 bytes more",
                &hex[2..]
            ),
            "peer: closed".to_owned(),
            "peer: connection lost: connection closed cleanly".to_owned(),
        ]
    );
}
