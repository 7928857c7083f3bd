//! Peers that take their time for a unit.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use retwist_protocols::{FrameReceiver, FrameTransport};
use retwist_protocols::{FrameTimedOut, Framed, Int16Strings, LineReceiver, LineTransport, Lines};
use retwist_reactor::testing::RecordingTransport;
use retwist_reactor::{ProtocolHandle, Reason};

const LIMIT: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Default)]
struct Lazy {
    lines: Rc<RefCell<Vec<String>>>,
    lost: Rc<RefCell<Option<FrameTimedOut>>>,
}

impl LineReceiver for Lazy {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        self.lines
            .borrow_mut()
            .push(String::from_utf8_lossy(line).into());
        match line {
            b"raw" => transport.set_raw_mode(),
            b"pause" => transport.pause_producing(),
            _ => {}
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        *self.lost.borrow_mut() = reason.downcast_ref().copied();
    }
}

fn connected() -> (Lazy, RecordingTransport) {
    let lazy = Lazy::default();
    let framed = Framed::new(Lines::new(), lazy.clone()).frame_timeout(LIMIT);
    (lazy, RecordingTransport::connect(framed))
}

#[test]
fn a_unit_that_takes_too_long_ends_the_connection() {
    let (lazy, recording) = connected();
    for second in 0..60 {
        recording.receive(b"x");
        recording.clock().advance(SECOND);
        assert_eq!(recording.is_closing(), second >= 29, "{second}");
    }
    recording.lose(Reason::Done);
    assert_eq!(*lazy.lost.borrow(), Some(FrameTimedOut(LIMIT)));
    assert_eq!(recording.clock().pending_calls(), 0);
}

#[test]
fn each_unit_has_its_own_time() {
    let (lazy, recording) = connected();
    for _ in 0..10 {
        recording.receive(b"begun");
        recording.clock().advance(20 * SECOND);
        recording.receive(b"\r\nand ");
        recording.clock().advance(20 * SECOND);
        recording.receive(b"ended\r\n");
        // Between two units no timer is needed, and any time may pass.
        assert_eq!(recording.clock().pending_calls(), 0);
        recording.clock().advance(1000 * SECOND);
    }
    assert!(!recording.is_closing());
    assert_eq!(lazy.lines.borrow().len(), 20);
}

#[test]
fn raw_bytes_and_pauses_are_not_late() {
    for mode in ["raw\r\n", "pause\r\n"] {
        let (_, recording) = connected();
        recording.receive(mode.as_bytes());
        recording.receive(b"beginning");
        recording.clock().advance(10 * LIMIT);
        assert!(!recording.is_closing(), "{mode:?}");
    }
}

#[test]
fn bytes_that_were_given_back_are_not_late() {
    let lazy = Lazy::default();
    let handle = ProtocolHandle::new(Framed::new(Lines::new(), lazy).frame_timeout(LIMIT));
    let recording = RecordingTransport::connect(&handle);
    recording.receive(b"beginning");
    handle.try_call(|framed| framed.transport().map(FrameTransport::give_back));
    recording.clock().advance(LIMIT / 2);
    assert_eq!(recording.clock().pending_calls(), 1);
    recording.clock().advance(LIMIT);
}

/// A unit in any framing.
struct Deaf;

impl FrameReceiver<Int16Strings> for Deaf {
    fn frame_received(&mut self, _: &FrameTransport<Int16Strings>, _: &[u8]) {}
}

#[test]
fn a_body_counts_as_well_as_a_length() {
    let framed = Framed::new(Int16Strings::new(), Deaf).frame_timeout(LIMIT);
    let recording = RecordingTransport::connect(framed);
    recording.receive(b"\0\x03abc\0");
    recording.clock().advance(29 * SECOND);
    recording.receive(b"\x04abc");
    assert!(!recording.is_closing());
    recording.clock().advance(SECOND);
    assert!(recording.is_closing());
}
