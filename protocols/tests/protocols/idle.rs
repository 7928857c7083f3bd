//! What `Timeout::idle` takes for idle: a connection on which nothing moves.

use std::time::Duration;

use retwist_protocols::{Policy, ThrottleReads, ThrottleWrites, TimedOut, Timeout, TimeoutLayer};
use retwist_reactor::testing::Pair;
use retwist_reactor::{Protocol, TransportRef};

use crate::common::Ear;

const SECOND: Duration = Duration::from_secs(1);
const REPLY: usize = 1_000_000;

/// Answers the first bytes with a megabyte, in one write.
struct Answers(Ear);

impl Protocol for Answers {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.0.connection_made(transport);
    }

    fn data_received(&mut self, transport: &TransportRef, _: &[u8]) {
        transport.write(&vec![1; REPLY]);
    }

    fn connection_lost(&mut self, reason: &retwist_reactor::Reason) {
        self.0.connection_lost(reason);
    }
}

fn idle(limit: u32) -> Timeout {
    Timeout::new().idle(limit * SECOND)
}

#[test]
fn a_transfer_that_goes_on_is_not_idle() {
    let (client, server) = (Ear::saying(b"get"), Ear::default());
    let timed = idle(10).wrap(Answers(server.clone()));
    // 64 KiB a second.
    let pair = Pair::new(client.clone(), timed).delay(SECOND);
    for _ in 0..13 {
        pair.advance(SECOND);
    }
    assert!(client.heard.borrow().len() < REPLY, "it takes its time");
    for _ in 0..5 {
        pair.advance(SECOND);
    }
    assert_eq!(client.heard.borrow().len(), REPLY);
    assert!(server.lost.borrow().is_none());
    // And then it is idle.
    for _ in 0..25 {
        pair.advance(SECOND);
    }
    assert_eq!(
        server.error::<TimedOut>(),
        Some(TimedOut::Idle(10 * SECOND))
    );
}

#[test]
fn a_peer_that_takes_nothing_more_is_idle() {
    let (client, server) = (Ear::saying(b"get"), Ear::default());
    let timed = idle(10).grace(SECOND).wrap(Answers(server.clone()));
    let pair = Pair::new(client.clone(), timed);
    pair.client().pause_producing();
    pair.run();
    for _ in 0..9 {
        pair.advance(SECOND);
    }
    assert!(server.lost.borrow().is_none());
    for _ in 0..14 {
        pair.advance(SECOND);
    }
    assert_eq!(
        server.error::<TimedOut>(),
        Some(TimedOut::Idle(10 * SECOND))
    );
}

#[test]
fn a_throttle_below_that_holds_back_output_does_not_make_it_idle() {
    let (client, server) = (Ear::saying(b"get"), Ear::default());
    let timed = idle(10).wrap(Answers(server.clone()));
    let throttled = ThrottleWrites::each(20_000, 1000).wrap(timed);
    let pair = Pair::new(client.clone(), throttled);
    for _ in 0..55 {
        pair.advance(SECOND);
    }
    assert_eq!(client.heard.borrow().len(), REPLY);
    assert!(server.lost.borrow().is_none(), "{:?}", server.lost.borrow());
}

#[test]
fn a_throttle_that_holds_back_input_does_not_make_it_idle() {
    for below in [true, false] {
        let (client, server) = (Ear::saying(&[7; 100_000]), Ear::default());
        // The first read takes more than half of it, and is paid for in 65 s.
        let throttle = ThrottleReads::each(1000, 1000);
        let protocol = if below {
            throttle.wrap(idle(10).wrap(server.clone()))
        } else {
            idle(10).wrap(throttle.wrap(server.clone()))
        };
        let pair = Pair::new(client, protocol);
        for _ in 0..90 {
            pair.advance(SECOND);
        }
        assert_eq!(server.heard.borrow().len(), 100_000);
        assert!(server.lost.borrow().is_none(), "{:?}", server.lost.borrow());
        for _ in 0..60 {
            pair.advance(SECOND);
        }
        assert_eq!(
            server.error::<TimedOut>(),
            Some(TimedOut::Idle(10 * SECOND))
        );
    }
}

#[test]
fn a_protocol_that_has_paused_is_not_waiting_for_its_peer() {
    let (client, server) = (Ear::saying(b"work"), Ear::default());
    let pair = Pair::new(client, idle(10).wrap(server.clone()));
    pair.run();
    let transport = server.transport();
    transport.pause_producing();
    for _ in 0..60 {
        pair.advance(SECOND);
    }
    assert!(server.lost.borrow().is_none());
    transport.resume_producing();
    for _ in 0..25 {
        pair.advance(SECOND);
    }
    assert_eq!(
        server.error::<TimedOut>(),
        Some(TimedOut::Idle(10 * SECOND))
    );
}

#[test]
fn the_limit_can_be_changed_while_a_transfer_goes_on() {
    let (client, server) = (Ear::saying(b"get"), Ear::default());
    let timed = Timeout::new().wrap(Answers(server.clone()));
    let pair = Pair::new(client.clone(), timed).delay(SECOND);
    pair.advance(SECOND);
    let timeout = TimeoutLayer::of(&server.transport()).expect("there is a timeout below");
    assert_eq!(timeout.set_idle(Some(5 * SECOND)), None);
    for _ in 0..40 {
        pair.advance(SECOND);
    }
    assert_eq!(client.heard.borrow().len(), REPLY);
}
