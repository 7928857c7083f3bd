//! A close is under a deadline: in memory, where time is moved by hand.

use std::rc::Rc;
use std::time::Duration;

use retwist::testing::{ManualClock, Pair, Side};
use retwist::{ProducerKind, ProtocolRef, Reason, StreamSettings};

use crate::delivery::pattern;
use crate::peer::Peer;
use crate::producers::{Made, Told};

const SECOND: Duration = Duration::from_secs(1);

/// A client that reads nothing, and a server with much to say, on a link that takes little.
fn stalled(client: &Peer, server: &Peer) -> Pair {
    let pair = Pair::new(client.keeping_open(|_, _| ()), server.quiet()).window(1_000);
    pair.run();
    client.transport().pause_producing();
    server.transport().write(&pattern(10_000));
    pair.run();
    pair
}

#[test]
fn a_close_to_a_peer_that_takes_nothing_is_aborted_in_time() {
    let (client, server) = (Peer::new(), Peer::new());
    let pair = stalled(&client, &server);
    server.transport().lose_connection();
    pair.advance(29 * SECOND);
    assert!(!server.is_over());
    pair.advance(SECOND);
    assert!(matches!(server.reason(), Reason::CloseTimedOut(after) if after == 30 * SECOND));
    assert!(!client.reason().is_clean());
    assert_eq!(pair.clock().pending_calls(), 0);
}

#[test]
fn a_close_to_a_peer_that_takes_a_little_now_and_then_goes_on() {
    let (client, server) = (Peer::new(), Peer::new());
    let pair = stalled(&client, &server);
    server.transport().lose_connection();
    for _ in 0..20 {
        pair.advance(20 * SECOND);
        client.transport().resume_producing();
        pair.clock().turn();
        client.transport().pause_producing();
        assert!(client.count() == 10_000 || !server.is_over());
    }
    client.transport().resume_producing();
    pair.run();
    assert_eq!(client.received(), pattern(10_000));
    client.transport().lose_connection();
    pair.run();
    assert!(server.reason().is_clean());
}

#[test]
fn a_close_waits_for_its_producer_no_longer_than_for_its_peer() {
    let (client, server) = (Peer::new(), Peer::new());
    let pair = Pair::new(client.quiet(), server.quiet());
    pair.run();
    let producer = Made::new(|_| ());
    let transport = server.transport();
    transport
        .register_producer(producer.clone(), ProducerKind::Push)
        .unwrap();
    transport.lose_connection();
    pair.advance(29 * SECOND);
    transport.write(b"still at it");
    pair.advance(29 * SECOND);
    assert!(!server.is_over());
    pair.advance(SECOND);
    assert!(matches!(server.reason(), Reason::CloseTimedOut(_)));
    assert_eq!(producer.told(), [Told::Stop]);
    assert_eq!(client.received(), b"still at it");
}

#[test]
fn a_peer_that_does_not_close_costs_two_seconds() {
    let (client, server) = (Peer::new(), Peer::new());
    let pair = Pair::new(client.keeping_open(|_, _| ()), server.quiet());
    pair.run();
    server.transport().write(b"bye");
    server.transport().lose_connection();
    pair.advance(SECOND);
    assert!(!server.is_over() && client.story().ends_with("read-lost"));
    pair.advance(SECOND);
    assert!(server.reason().is_clean());
    assert_eq!(pair.clock().pending_calls(), 0);
}

#[test]
fn a_half_close_is_under_no_deadline() {
    let (client, server) = (Peer::new(), Peer::new());
    let pair = stalled(&client, &server);
    server.transport().lose_write_connection();
    pair.advance(3600 * SECOND);
    assert!(!server.is_over());
    client.transport().resume_producing();
    pair.run();
    assert_eq!(client.received(), pattern(10_000));
    assert!(server.story().contains("write-lost"));
}

#[test]
fn a_connection_without_a_close_has_no_timer() {
    let (client, server) = (Peer::new(), Peer::new());
    let pair = Pair::new(client.quiet(), server.echoing());
    pair.run();
    client.transport().write(b"hello");
    pair.run();
    assert_eq!(pair.clock().pending_calls(), 0);
    client.transport().lose_connection();
    pair.run();
    assert!(client.is_over() && server.is_over());
    assert_eq!(pair.clock().pending_calls(), 0);
}

#[test]
fn the_deadlines_are_settings() {
    let (client, server) = (Peer::new(), Peer::new());
    let settings = StreamSettings {
        close_timeout: 5 * SECOND,
        linger_timeout: 60 * SECOND,
        ..StreamSettings::default()
    };
    let quiet: ProtocolRef = client.keeping_open(|_, _| ());
    let clock = Rc::new(ManualClock::new());
    let pair = Pair::with_settings(
        &clock,
        quiet,
        StreamSettings::default(),
        server.quiet(),
        settings,
    );
    pair.run();
    server.transport().lose_connection();
    pair.advance(59 * SECOND);
    assert!(!server.is_over());
    pair.advance(SECOND);
    assert!(server.reason().is_clean());
}

#[test]
fn what_came_before_a_fault_is_delivered_first() {
    for at in [0, 1, 4_999, 5_000] {
        let (client, server) = (Peer::new(), Peer::new());
        let pair = Pair::new(client.quiet(), server.quiet()).reset_after(Side::Client, at);
        pair.run();
        client.transport().write(&pattern(5_000));
        pair.run();
        assert_eq!(server.count() as u64, at);
        assert!(matches!(server.reason(), Reason::Lost(_)));

        let (client, server) = (Peer::new(), Peer::new());
        let pair = Pair::new(client.quiet(), server.quiet()).close_after(Side::Client, at);
        pair.run();
        client.transport().write(&pattern(5_000));
        pair.advance(SECOND);
        assert_eq!(server.count() as u64, at);
        assert!(
            server.story().ends_with("read-lost lost"),
            "{}",
            server.story()
        );
    }
}

#[test]
fn the_last_words_of_a_peer_that_breaks_off_are_heard_by_one_who_held_it_back() {
    // The server has more to say than the client takes, so it does not read. Then the client
    // speaks, and is gone.
    let (client, server) = (Peer::new(), Peer::new());
    let pair = stalled(&client, &server);
    server.transport().write(&pattern(100_000));
    pair.run();
    client.transport().write(b"I have had enough");
    pair.run();
    assert_eq!(server.count(), 0);
    client.transport().abort_connection();
    pair.run();
    assert_eq!(server.story(), "made 'I have had enough' lost");
    assert!(matches!(server.reason(), Reason::Lost(_)));
}
