//! A recording under layers: why the connection ends, and what its end tells the protocol.

use std::time::Duration;

use retwist_protocols::{Policy, ThrottleWrites, TimedOut, Timeout};
use retwist_reactor::testing::RecordingTransport;
use retwist_reactor::{Protocol, ProtocolRef, Reason, TransportRef};

use crate::common::Ear;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rude;

impl std::fmt::Display for Rude {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the client was rude")
    }
}

impl std::error::Error for Rude {}

/// Answers, and closes for a reason of its own.
struct Strict;

impl Protocol for Strict {
    fn data_received(&mut self, transport: &TransportRef, _: &[u8]) {
        transport.write(b"be polite");
        transport.lose_connection_because(Reason::failed(Rude));
    }
}

fn layers() -> Vec<(&'static str, ProtocolRef)> {
    let timeout = Timeout::new().idle(Duration::from_secs(60));
    let throttle = ThrottleWrites::each(1, 1);
    vec![
        ("none", Strict.into()),
        ("timeout", timeout.wrap(Strict)),
        ("throttle", throttle.wrap(Strict)),
        ("both", timeout.wrap(throttle.wrap(Strict))),
        ("both, turned around", throttle.wrap(timeout.wrap(Strict))),
    ]
}

#[test]
fn the_reason_of_the_protocol_is_known_under_any_layer() {
    for (name, stack) in layers() {
        let recording = RecordingTransport::connect(stack);
        assert!(recording.reason().is_none(), "{name}");
        recording.receive(b"you!");
        let reason = recording.reason();
        let reason = reason.unwrap_or_else(|| panic!("{name}: no reason"));
        assert_eq!(reason.downcast_ref(), Some(&Rude), "{name}");
    }
}

#[test]
fn the_reason_of_a_layer_is_known_below_another_one() {
    let timeout = Timeout::new().idle(Duration::from_secs(60));
    let recording =
        RecordingTransport::connect(ThrottleWrites::each(1, 1).wrap(timeout.wrap(Strict)));
    recording.clock().advance(Duration::from_secs(60));
    let reason = recording.reason().expect("the layer says why");
    assert_eq!(
        reason.downcast_ref(),
        Some(&TimedOut::Idle(Duration::from_secs(60)))
    );
}

#[test]
fn a_recording_that_is_dropped_ends_the_connection() {
    let timeout = Timeout::new().idle(Duration::from_secs(60));
    for is_layered in [false, true] {
        let ear = Ear::default();
        let stack = if is_layered {
            timeout.wrap(ear.clone())
        } else {
            ear.clone().into()
        };
        drop(RecordingTransport::connect(stack));
        let reason = ear.lost.take();
        assert!(matches!(reason, Some(Reason::ReactorStopped)), "{reason:?}");
    }
}

#[test]
fn connection_lost_comes_once_however_the_recording_ends() {
    for end in [
        |recording: &RecordingTransport| recording.lose(Reason::Done),
        |recording: &RecordingTransport| recording.transport().abort_connection(),
        |recording: &RecordingTransport| recording.transport().lose_connection(),
    ] {
        // The ear complains if it hears the end twice.
        let ear = Ear::default();
        let recording = RecordingTransport::connect(ear.clone());
        end(&recording);
        drop(recording);
        assert!(ear.lost.borrow().is_some());
    }
}
