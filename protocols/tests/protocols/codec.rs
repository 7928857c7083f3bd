//! Decoders and encoders of tokio-util as framings.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use retwist_protocols::{Codec, CodecError, FrameReceiver, FrameTransport, Framed};
use retwist_reactor::testing::{Pair, RecordingTransport};
use retwist_reactor::{Protocol, Reason, TransportRef};
use tokio_util::codec::{LengthDelimitedCodec, LinesCodec, LinesCodecError};

use crate::common::CUTS;

type Log = Rc<RefCell<Vec<String>>>;
type LineTransport = FrameTransport<Codec<LinesCodec>>;

/// Answers lines; `pause` and `switch` do as they say.
struct Lines(Log);

impl FrameReceiver<Codec<LinesCodec>> for Lines {
    fn frame_received(&mut self, transport: &LineTransport, line: String) {
        match line.as_str() {
            "pause" => transport.pause_producing(),
            "switch" => drop(transport.switch_protocol(Next(self.0.clone()).into())),
            _ => transport
                .send(format!("<{line}>"))
                .expect("any line can be sent"),
        }
        self.0.borrow_mut().push(line);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.0.borrow_mut().push(reason.to_string());
    }
}

struct Next(Log);

impl Protocol for Next {
    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.0
            .borrow_mut()
            .extend(data.iter().map(|byte| format!("next {byte}")));
    }
}

#[test]
fn lines_pauses_and_switches_at_any_cut() {
    for cut in CUTS {
        let log = Log::default();
        let codec = Codec::new(LinesCodec::new());
        let recording = RecordingTransport::connect(Framed::new(codec, Lines(log.clone())));
        for piece in b"one\npause\ntwo\npause\r\nthree\nswitch\n12".chunks(cut.min(99)) {
            recording.receive(piece);
            while recording.is_paused() {
                recording.transport().resume_producing();
                recording.clock().run();
            }
        }
        let heard = [
            "one", "pause", "two", "pause", "three", "switch", "next 49", "next 50",
        ];
        assert_eq!(*log.borrow(), heard, "{cut}");
        assert_eq!(recording.written(), b"<one>\n<two>\n<three>\n");
    }
}

#[test]
fn an_error_of_the_codec_is_the_reason() {
    struct Expects;
    impl FrameReceiver<Codec<LinesCodec>> for Expects {
        fn frame_received(&mut self, transport: &LineTransport, line: String) {
            transport.send(line).expect("any line can be sent");
        }

        fn connection_lost(&mut self, reason: &Reason) {
            let error = reason.downcast_ref::<CodecError<LinesCodecError>>();
            assert!(matches!(
                error,
                Some(CodecError::Codec(LinesCodecError::MaxLineLengthExceeded))
            ));
        }
    }
    for cut in CUTS {
        let codec = Codec::new(LinesCodec::new_with_max_length(4));
        let recording = RecordingTransport::connect(Framed::new(codec, Expects));
        for piece in b"four\nfives\nx\n".chunks(cut.min(99)) {
            recording.receive(piece);
        }
        assert!(recording.is_closing());
        recording.lose(Reason::Done);
        assert_eq!(recording.written(), b"four\n");
    }
}

#[test]
fn the_last_line_needs_no_end() {
    struct Says;
    impl Protocol for Says {
        fn connection_made(&mut self, transport: &TransportRef) {
            transport.write(b"one\ntwo");
            transport.lose_connection();
        }

        fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
    }
    let log = Log::default();
    let codec = Codec::new(LinesCodec::new());
    let pair = Pair::new(Says, Framed::new(codec, Lines(log.clone())));
    pair.run();
    assert_eq!(*log.borrow(), ["one", "two", "connection closed cleanly"]);
}

type Prefixed = Codec<LengthDelimitedCodec>;

/// Sends back what it gets, in another type.
struct Echo;

impl FrameReceiver<Prefixed> for Echo {
    fn frame_received(&mut self, transport: &FrameTransport<Prefixed>, frame: BytesMut) {
        let frame: Bytes = frame.freeze();
        transport.send(frame).expect("it came in this framing");
    }
}

#[test]
fn a_decoder_that_takes_the_length_before_the_unit() {
    let mut bytes = Vec::new();
    for length in [0_u32, 1, 5, 300, 70_000, 3] {
        bytes.extend(length.to_be_bytes());
        bytes.resize(bytes.len() + length as usize, length as u8);
    }
    for cut in CUTS {
        let codec = Codec::new(LengthDelimitedCodec::new());
        let recording = RecordingTransport::connect(Framed::new(codec, Echo));
        for piece in bytes.chunks(cut.min(bytes.len())) {
            recording.receive(piece);
        }
        assert_eq!(recording.written(), bytes, "{cut}");
    }
}

#[test]
fn a_unit_above_the_limit_is_refused() {
    let codec = Codec::new(LengthDelimitedCodec::new()).limit(1000);
    let recording = RecordingTransport::connect(Framed::new(codec, Echo));
    recording.receive(&5000_u32.to_be_bytes());
    recording.receive(&[0; 990]);
    assert!(!recording.is_closing());
    recording.receive(&[0; 10]);
    assert!(recording.is_closing());
}
