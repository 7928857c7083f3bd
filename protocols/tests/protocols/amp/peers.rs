//! Peers that do not keep to the rules.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use retwist_protocols::Framed;
use retwist_protocols::amp::{Amp, AmpBox, AmpProtocolError, BoxError, Boxes};
use retwist_reactor::Reason;
use retwist_reactor::testing::RecordingTransport;

use super::Server;
use crate::common::CUTS;

#[test]
fn peers_that_break_the_rules_lose_their_connection() {
    let error = |bytes: &[u8], cut: usize| {
        let server = Server::default();
        let log = server.log.clone();
        let recording = RecordingTransport::connect(Framed::amp(server));
        for piece in bytes.chunks(cut) {
            recording.receive(piece);
        }
        assert!(recording.is_closing(), "{}", bytes.escape_ascii());
        recording.lose(Reason::Done);
        log.take().concat()
    };
    for cut in CUTS {
        for (bytes, expected) in [
            (&b"GET / HTTP/1.1\r\n"[..], BoxError::KeyTooLong.to_string()),
            (b"\0\0", BoxError::Empty.to_string()),
            (b"\0\x01a\0\0\0\0", AmpProtocolError::NoPurpose.to_string()),
            (
                b"\0\x07_answer\0\x011\0\0",
                AmpProtocolError::UnknownAnswer.to_string(),
            ),
            (
                b"\0\x06_error\0\x01x\0\0",
                AmpProtocolError::UnknownAnswer.to_string(),
            ),
        ] {
            assert_eq!(error(bytes, cut), expected);
        }
    }
    let pair = b"\0\x01a\xff\xff".to_vec();
    let endless = [pair, vec![b'x'; 65_535]].concat().repeat(17);
    assert_eq!(
        error(&endless, 1000),
        BoxError::TooLong(1 << 20).to_string()
    );
}

#[test]
fn requests_that_wait_are_bounded() {
    let server = Server::default();
    let (kept, log) = (server.kept.clone(), server.log.clone());
    let recording = RecordingTransport::connect(Framed::new(
        Boxes::new(),
        Amp::new(server).max_open_requests(3),
    ));
    let mut slow = AmpBox::new();
    slow.set("_command", *b"Slow");
    slow.set("ms", *b"0");
    slow.set("_ask", *b"1");
    let slow = slow.encode().unwrap();
    recording.receive(&slow.repeat(3));
    kept.take();
    recording.receive(&slow.repeat(3));
    assert!(!recording.is_closing());
    recording.receive(&slow);
    assert!(recording.is_closing());
    recording.lose(Reason::Done);
    assert_eq!(
        *log.borrow(),
        [AmpProtocolError::TooManyRequests(3).to_string()]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn boxes_come_back(pairs in btree_map("[a-z]{1,20}", vec(any::<u8>(), 0..300), 1..5)) {
        let mut sent = AmpBox::new();
        for (key, value) in &pairs {
            sent.set(key, &value[..]);
        }
        let bytes = sent.encode().unwrap();
        prop_assert_eq!(AmpBox::decode(&bytes), Ok(Some((sent, bytes.len()))));
        for end in 0..bytes.len() {
            prop_assert_eq!(AmpBox::decode(&bytes[..end]), Ok(None));
        }
    }

    #[test]
    fn a_server_takes_anything_at_any_cut(
        bytes in vec(prop_oneof![Just(0_u8), 0_u8..12, prop::sample::select(b"_askcomndwer1".to_vec())], 0..200),
        cut in 1_usize..40,
    ) {
        let outcome = |cut| {
            let recording = RecordingTransport::connect(Framed::amp(Server::default()));
            for piece in bytes.chunks(cut) {
                recording.receive(piece);
            }
            (recording.is_closing(), recording.written())
        };
        prop_assert_eq!(outcome(usize::MAX), outcome(cut));
    }
}
