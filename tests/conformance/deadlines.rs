//! A close is under a deadline: in memory, where time is moved by hand.

use std::rc::Rc;
use std::time::Duration;

use retwist::testing::{ManualClock, Pair, Side};
use retwist::{ProducerKind, ProtocolRef, Reason, StreamSettings};

use retwist_conformance::streams::pattern;
use retwist_conformance::streams::{Event, Peer};
use retwist_conformance::streams::{PeerProducer, Told};

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
    let producer = PeerProducer::new(|_| ());
    let transport = server.transport();
    transport
        .register_producer(producer.clone(), ProducerKind::Pull)
        .unwrap();
    transport.lose_connection();
    pair.advance(29 * SECOND);
    transport.write(b"still at it");
    pair.advance(29 * SECOND);
    assert!(!server.is_over());
    pair.advance(SECOND);
    let reason = server.reason();
    assert!(matches!(reason, Reason::ProducerTimedOut(after) if after == 30 * SECOND));
    assert!(reason.to_string().contains("producer"), "{reason}");
    assert_eq!(producer.told(), [Told::Resume, Told::Resume, Told::Stop]);
    assert_eq!(client.received(), b"still at it");
    assert_eq!(pair.clock().pending_calls(), 0);
}

/// Reads at most `bytes`, which is how the pair is cut.
fn reads_once(pair: &Pair, client: &Peer) {
    client.transport().resume_producing();
    pair.clock().turn();
    client.transport().pause_producing();
    pair.run();
}

#[test]
fn a_slow_but_steady_reader_gets_all_of_it() {
    // Ten bytes a second, of which the system tells the sender only when a third of its buffer is
    // free: after 33 minutes.
    let (client, server) = (Peer::new(), Peer::new());
    let pair = Pair::new(client.keeping_open(|_, _| ()), server.quiet())
        .window(60_000)
        .cut(100);
    pair.run();
    client.transport().pause_producing();
    server.transport().write(&pattern(70_000));
    server.transport().lose_connection();
    pair.run();
    for _ in 0..690 {
        pair.advance(10 * SECOND);
        reads_once(&pair, &client);
        let is_cut_off = server.is_over() && !server.reason().is_clean();
        assert!(
            !is_cut_off,
            "{} after {} bytes",
            server.reason(),
            client.count()
        );
    }
    client.transport().resume_producing();
    pair.run();
    assert_eq!(client.received(), pattern(70_000));
    assert!(server.reason().is_clean(), "{}", server.reason());
    client.transport().lose_connection();
    pair.run();
}

#[test]
fn a_reader_that_stops_half_way_is_aborted() {
    let (client, server) = (Peer::new(), Peer::new());
    let pair = Pair::new(client.keeping_open(|_, _| ()), server.quiet())
        .window(60_000)
        .cut(100);
    pair.run();
    client.transport().pause_producing();
    server.transport().write(&pattern(70_000));
    server.transport().lose_connection();
    pair.run();
    for _ in 0..20 {
        pair.advance(10 * SECOND);
        reads_once(&pair, &client);
    }
    assert!(!server.is_over());
    pair.advance(40 * SECOND);
    assert!(matches!(server.reason(), Reason::CloseTimedOut(_)));
    assert_eq!(pair.clock().pending_calls(), 0);
}

#[test]
fn a_late_word_on_a_slow_link_does_not_destroy_the_reply() {
    let (client, server) = (Peer::new(), Peer::new());
    // 1000 bytes a second: the reply takes 50 s.
    let talks = client.keeping_open(|transport, event| {
        if let Event::Data(_) = event {
            transport.write(b"one more\r\n");
        }
    });
    let pair = Pair::new(talks, server.quiet()).cut(1_000).delay(SECOND);
    pair.run();
    server.transport().write(&pattern(50_000));
    server.transport().lose_connection();
    for _ in 0..70 {
        pair.advance(SECOND);
    }
    assert_eq!(client.count(), 50_000);
    assert!(client.story().contains("read-lost"), "{}", client.story());
    assert!(server.reason().is_clean(), "{}", server.reason());
}

#[test]
fn a_peer_that_acknowledges_nothing_is_no_clean_end() {
    let (client, server) = (Peer::new(), Peer::new());
    let pair = Pair::new(client.quiet(), server.quiet()).delay(3600 * SECOND);
    pair.run();
    server.transport().write(b"does this arrive?");
    server.transport().lose_connection();
    pair.advance(29 * SECOND);
    assert!(!server.is_over());
    pair.advance(4 * SECOND);
    assert!(matches!(server.reason(), Reason::CloseTimedOut(_)));
}

#[test]
fn a_failed_send_ends_the_connection_whatever_came_with_it() {
    // What one read takes; and more, so that the read after the failed send is a short one.
    for request in [100, 65_536, 65_636, 200_000] {
        let (client, server) = (Peer::new(), Peer::new());
        let answers = server.reacting(|transport, event| {
            if let Event::Data(_) = event {
                transport.write(b"an answer");
            }
        });
        let pair = Pair::new(client.quiet(), answers)
            .window(300_000)
            .refuse_sends(Side::Server);
        pair.run();
        client.transport().write(&pattern(request));
        pair.run();
        assert!(server.is_over(), "{request}: it is left behind: {pair:?}");
        assert!(matches!(server.reason(), Reason::Lost(_)));
        assert_eq!(server.count(), request);
        assert!(!client.reason().is_clean());
    }
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
