//! What is asked for above an opening before it is done.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use retwist_protocols::{Opening, OpeningLayer, Step};
use retwist_reactor::testing::RecordingTransport;
use retwist_reactor::{Layer, Protocol, Reason};

use crate::common::Ear;

/// Says `hello`, and waits for `OK`.
struct Greeting;

impl Opening for Greeting {
    type Error = io::Error;

    fn begin(
        &mut self,
        _: &retwist_reactor::TransportRef,
        reply: &mut Vec<u8>,
    ) -> Result<Step, io::Error> {
        reply.extend(b"hello ");
        Ok(Step::used(0))
    }

    fn advance(&mut self, bytes: &[u8], _: &mut Vec<u8>) -> Result<Step, io::Error> {
        Ok(if bytes.starts_with(b"OK") {
            Step::done(2)
        } else {
            Step::used(0)
        })
    }
}

struct Quiet;

impl Protocol for Quiet {}

#[test]
fn what_comes_early_is_passed_on_in_order() {
    let layer = OpeningLayer::new(Greeting, Quiet.into());
    let recording = RecordingTransport::connect(layer.as_protocol());
    let above = layer.transport();
    let sent = Rc::new(RefCell::new(None));
    above.write(b"one ");
    above.write_control(b"two ");
    let noted = sent.clone();
    let written = recording.clock().clone();
    above.when_sent(Box::new(move || *noted.borrow_mut() = Some(written.now())));
    above.write(b"three");
    recording.clock().run();
    assert_eq!(recording.take_written(), b"hello ");
    recording.clock().run();
    assert!(sent.borrow().is_none(), "it is not sent yet");
    recording.receive(b"OK");
    assert_eq!(recording.take_written(), b"one two three");
    recording.clock().run();
    assert!(sent.borrow().is_some());
}

#[test]
fn an_early_end_comes_after_what_was_written() {
    for fails in [true, false] {
        let ear = Ear::default();
        let layer = OpeningLayer::new(Greeting, ear.clone().into());
        let recording = RecordingTransport::connect(layer.as_protocol());
        let above = layer.transport();
        above.write(b"last words");
        if fails {
            above.fail_connection(Reason::failed(io::Error::other("broken")));
        } else {
            above.lose_connection();
        }
        recording.clock().run();
        assert!(!recording.is_closing() && !recording.is_failing());
        recording.receive(b"OK");
        assert_eq!(recording.written(), b"hello last words");
        assert_eq!(recording.is_failing(), fails);
        assert!(recording.is_closing());
    }
}
