//! Where units end and no more bytes come: the end of input, and units without any bytes.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;

use retwist_protocols::{
    Blocks, BlocksError, ByteFraming, Frame, FrameReceiver, FrameTransport, Framed, Framing,
    Int16Strings, LineReceiver, LineTransport, Lines, NetstringError, Netstrings, UnfinishedFrame,
};
use retwist_reactor::testing::{Pair, RecordingTransport};
use retwist_reactor::{Producer, ProducerKind, Protocol, Reason, TransportRef};

use crate::common::CUTS;
use crate::framing::{Log, Obedient, note};

/// What is received, where the peer then ends its input.
fn heard_until_the_end<F: ByteFraming>(framing: F, bytes: &[u8]) -> Vec<String> {
    let log = Log::default();
    let receiver = Obedient {
        log: log.clone(),
        raw: 0,
    };
    let pair = Pair::new(Says(bytes.to_vec()), Framed::new(framing, receiver));
    pair.run();
    log.take()
}

/// Writes this, and ends its output.
struct Says(Vec<u8>);

impl Protocol for Says {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(&self.0);
        transport.lose_write_connection();
    }

    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

#[test]
fn an_end_of_input_within_a_unit_is_the_reason() {
    let within = |received| {
        format!(
            "lost the peer ended its input in the middle of a line or message, of which {received} bytes had arrived"
        )
    };
    let log = heard_until_the_end(Lines::new(), b"one\r\ntwo\r");
    assert_eq!(log, ["frame one", &within(4)]);
    let log = heard_until_the_end(Netstrings::new(), b"3:one,5:xx");
    assert_eq!(log, ["frame one", &within(4)]);
    let log = heard_until_the_end(Int16Strings::new(), b"\0");
    assert_eq!(log, [within(1)]);
    let log = heard_until_the_end(Lines::new(), b"one\r\n");
    assert_eq!(log, ["frame one", "lost connection closed cleanly"]);
    let log = heard_until_the_end(Lines::new(), b"r2345\r\n67");
    assert_eq!(
        log[..3],
        ["frame r2345", "raw 6", "raw 7"],
        "raw bytes are no part of a unit"
    );
    assert_eq!(log[3], "lost connection closed cleanly");
}

#[test]
fn the_end_of_input_can_complete_a_line() {
    struct Last(Log);
    impl LineReceiver for Last {
        fn line_received(&mut self, _: &LineTransport, line: &[u8]) {
            note(&self.0, "line", line);
        }

        fn line_incomplete(&mut self, transport: &LineTransport, line: &[u8]) {
            self.line_received(transport, line);
        }

        fn read_connection_lost(&mut self, transport: &LineTransport) {
            note(&self.0, "end", b"");
            transport.lose_connection();
        }

        fn connection_lost(&mut self, reason: &Reason) {
            note(&self.0, "lost", reason.to_string().as_bytes());
        }
    }
    let log = Log::default();
    let pair = Pair::new(
        Says(b"one\r\ntwo".to_vec()),
        Framed::lines(Last(log.clone())),
    );
    pair.run();
    let heard = [
        "line one",
        "line two",
        "end ",
        "lost connection closed cleanly",
    ];
    assert_eq!(*log.borrow(), heard);
}

#[test]
fn an_empty_block_that_nothing_follows_ends_the_connection() {
    struct Forgets(Log);
    impl FrameReceiver<Blocks> for Forgets {
        fn frame_received(&mut self, transport: &FrameTransport<Blocks>, block: &[u8]) {
            note(&self.0, "block", block);
            if block == b"ab" {
                transport.expect(0);
            }
        }

        fn connection_lost(&mut self, reason: &Reason) {
            assert!(matches!(
                reason.downcast_ref(),
                Some(BlocksError::NothingExpected)
            ));
            note(&self.0, "lost", b"");
        }
    }
    for cut in CUTS {
        let log = Log::default();
        let protocol = Framed::new(Blocks::of(2), Forgets(log.clone()));
        let recording = RecordingTransport::connect(protocol);
        for piece in b"xxabxx".chunks(cut.min(6)) {
            recording.receive(piece);
        }
        recording.lose(Reason::Done);
        assert_eq!(*log.borrow(), ["block xx", "block ab", "block ", "lost "]);
    }
}

#[test]
fn many_empty_blocks_leave_turns_to_others() {
    /// Expects 20 000 empty blocks, and notes how many it had when another call got its turn.
    #[derive(Clone, Default)]
    struct Many(Rc<Cell<usize>>, Rc<Cell<usize>>);
    impl FrameReceiver<Blocks> for Many {
        fn connection_made(&mut self, transport: &FrameTransport<Blocks>) {
            transport.expect(0);
        }

        fn frame_received(&mut self, transport: &FrameTransport<Blocks>, block: &[u8]) {
            let count = self.0.get() + 1;
            self.0.set(count);
            if count == 1 {
                let Many(count, seen) = self.clone();
                transport.clock().call_soon(move || seen.set(count.get()));
            }
            assert_eq!(block, if count == 20_001 { &b"xx"[..] } else { b"" });
            transport.expect(if count >= 20_000 { 2 } else { 0 });
        }
    }
    let many = Many::default();
    let recording = RecordingTransport::connect(Framed::new(Blocks::of(2), many.clone()));
    recording.receive(b"xx");
    assert!((1..20_000).contains(&many.1.get()), "{}", many.1.get());
    assert_eq!(many.0.get(), 20_001);
}

/// A producer that is paused, and notes that it was stopped.
#[derive(Default)]
struct Stopped(Cell<bool>);

impl Producer for Stopped {
    fn resume_producing(&self) {}

    fn pause_producing(&self) {}

    fn stop_producing(&self) {
        self.0.set(true);
    }
}

struct Quiet;

impl<F: ByteFraming> FrameReceiver<F> for Quiet {
    fn frame_received(&mut self, _: &FrameTransport<F>, _: &[u8]) {}
}

#[test]
fn a_producer_does_not_hold_up_the_end_of_a_framing_that_failed() {
    for ends_input in [false, true] {
        let recording = RecordingTransport::connect(Framed::new(Netstrings::new(), Quiet));
        let producer = Rc::new(Stopped::default());
        let registered = recording
            .transport()
            .register_producer(producer.clone(), ProducerKind::Pull);
        registered.expect("the first producer");
        if ends_input {
            recording.receive(b"5:hel");
            recording.end_input();
        } else {
            recording.receive(b"what?");
        }
        assert!(producer.0.get() && !recording.has_producer());
        assert!(
            recording.is_failing(),
            "what it sent does not look complete"
        );
        let reason = recording.reason().expect("a reason");
        assert_eq!(
            reason.downcast_ref::<UnfinishedFrame>().is_some(),
            ends_input
        );
        assert_eq!(
            reason.downcast_ref::<NetstringError>().is_some(),
            !ends_input
        );
    }
}

/// A framing that finds an empty unit at the end of input, and never uses what is left.
struct NeverUses;

impl Framing for NeverUses {
    type Unit<'a> = ();
    type Error = Infallible;

    fn decode(&self, bytes: &[u8], _: usize) -> Result<Option<Frame<()>>, Infallible> {
        Ok((bytes.len() > 2).then_some(Frame {
            unit: (),
            consumed: bytes.len(),
        }))
    }

    fn decode_at_end(&self, _: &[u8]) -> Result<Option<Frame<()>>, Infallible> {
        Ok(Some(Frame {
            unit: (),
            consumed: 0,
        }))
    }
}

#[test]
fn empty_units_without_end_at_the_end_of_input_leave_turns_to_others() {
    struct Counts(Rc<Cell<usize>>);
    impl FrameReceiver<NeverUses> for Counts {
        fn frame_received(&mut self, transport: &FrameTransport<NeverUses>, (): ()) {
            self.0.set(self.0.get() + 1);
            if self.0.get() == 1 {
                let transport = transport.clone();
                let clock = transport.clock();
                clock.call_soon(move || transport.abort_connection());
            }
        }
    }
    let count = Rc::new(Cell::new(0));
    let recording = RecordingTransport::connect(Framed::new(NeverUses, Counts(count.clone())));
    recording.receive(b"ab");
    recording.end_input();
    assert!(recording.is_aborted(), "the other call has its turn");
    assert!(count.get() >= 64, "{}", count.get());
}
