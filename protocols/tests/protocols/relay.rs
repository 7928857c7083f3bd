//! Two connections that are joined.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use retwist_protocols::{Relay, RelayBroken};
use retwist_reactor::testing::{ManualClock, Pair, RecordingTransport, Side};
use retwist_reactor::{Protocol, Reason, TransportRef};

const MINUTE: Duration = Duration::from_secs(60);

/// Says one thing, keeps what it hears, and answers the end of input if it has an answer.
#[derive(Clone, Default)]
struct End {
    says: Vec<u8>,
    answers: Option<&'static [u8]>,
    closes_write: bool,
    pauses: bool,
    heard: Rc<RefCell<Vec<u8>>>,
    lost: Rc<RefCell<Option<Reason>>>,
}

impl Protocol for End {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(&self.says);
        if self.closes_write {
            transport.lose_write_connection();
        }
        if self.pauses {
            transport.pause_producing();
        }
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.heard.borrow_mut().extend(data);
    }

    fn read_connection_lost(&mut self, transport: &TransportRef) {
        transport.write(self.answers.unwrap_or_default());
        transport.lose_connection();
    }

    fn connection_lost(&mut self, reason: &Reason) {
        *self.lost.borrow_mut() = Some(reason.clone());
    }
}

impl End {
    fn is_clean(&self) -> bool {
        self.lost.borrow().as_ref().is_some_and(Reason::is_clean)
    }
}

#[test]
fn a_request_that_is_closed_gets_its_answer() {
    for cut in [1, 7, usize::MAX] {
        let clock = Rc::new(ManualClock::new());
        let (inbound, outbound) = Relay::pair();
        let client = End {
            says: b"request".to_vec(),
            closes_write: true,
            ..End::default()
        };
        let server = End {
            answers: Some(b"answer"),
            ..End::default()
        };
        let _near = Pair::on(&clock, client.clone(), inbound).cut(cut);
        clock.advance(MINUTE);
        assert!(
            client.lost.borrow().is_none(),
            "it waits for the other side"
        );
        let _far = Pair::on(&clock, outbound, server.clone()).cut(cut);
        clock.advance(MINUTE);
        assert_eq!(*server.heard.borrow(), b"request");
        assert_eq!(*client.heard.borrow(), b"answer");
        assert!(client.is_clean() && server.is_clean());
        assert_eq!(clock.pending_calls(), 0);
    }
}

#[test]
fn a_slow_reader_holds_back_the_other_side() {
    let clock = Rc::new(ManualClock::new());
    let (inbound, outbound) = Relay::pair();
    let client = End {
        says: vec![1; 10_000_000],
        ..End::default()
    };
    let server = End {
        pauses: true,
        ..End::default()
    };
    let near = Pair::on(&clock, client, inbound);
    let far = Pair::on(&clock, outbound, server.clone());
    clock.advance(MINUTE);
    assert!(
        far.client().buffered() < 500_000,
        "{}",
        far.client().buffered()
    );
    assert!(near.client().buffered() > 9_000_000);
    far.server().resume_producing();
    clock.advance(MINUTE);
    assert_eq!(server.heard.borrow().len(), 10_000_000);
}

#[test]
fn when_one_breaks_so_does_the_other_after_its_pending_output() {
    let clock = Rc::new(ManualClock::new());
    let (inbound, outbound) = Relay::pair();
    let client = End {
        says: vec![1; 50_000],
        ..End::default()
    };
    let server = End::default();
    let _far = Pair::on(&clock, outbound, server.clone());
    let _near = Pair::on(&clock, client, inbound).reset_after(Side::Client, 40_000);
    clock.advance(MINUTE);
    assert_eq!(server.heard.borrow().len(), 40_000);
    let lost = server.lost.borrow();
    assert!(matches!(*lost, Some(Reason::Lost(_))), "{lost:?}");
}

#[test]
fn a_break_is_told_with_its_cause() {
    let clock = Rc::new(ManualClock::new());
    let (inbound, outbound) = Relay::pair();
    let near = RecordingTransport::on(&clock, inbound);
    let far = RecordingTransport::on(&clock, outbound);
    near.receive(b"half of it");
    near.lose(Reason::CloseTimedOut(MINUTE));
    assert_eq!(far.take_written(), b"half of it");
    assert!(far.is_failing());
    let reason = far.reason();
    let broken = reason.as_ref().and_then(Reason::downcast_ref);
    assert!(matches!(
        broken,
        Some(RelayBroken::Lost(Reason::CloseTimedOut(_)))
    ));
}

#[test]
fn one_that_is_never_connected_breaks_the_other() {
    let clock = Rc::new(ManualClock::new());
    let (inbound, outbound) = Relay::pair();
    let client = End::default();
    let _near = Pair::on(&clock, client.clone(), inbound);
    clock.run();
    drop(outbound);
    clock.advance(MINUTE);
    assert!(matches!(*client.lost.borrow(), Some(Reason::Lost(_))));

    let (inbound, outbound) = Relay::pair();
    drop(outbound);
    let client = End::default();
    let _near = Pair::on(&clock, client.clone(), inbound);
    clock.advance(MINUTE);
    let lost = client.lost.borrow();
    assert!(
        matches!(*lost, Some(Reason::Lost(_))),
        "also if it comes later"
    );
}
