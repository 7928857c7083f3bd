//! Clients that hear anything from their proxy.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use retwist_protocols::{Destination, OpeningError, Policy, SocksClient, SocksError, SocksReply};
use retwist_reactor::testing::RecordingTransport;
use retwist_reactor::{ProtocolRef, Reason};

use super::http_connect::http;
use crate::common::{CUTS, Ear};

/// A client behind `wrap` that hears `bytes` from its proxy, in pieces.
pub(crate) fn answered(
    wrap: &dyn Fn(Ear) -> ProtocolRef,
    bytes: &[u8],
    cut: usize,
) -> (Ear, RecordingTransport) {
    let client = Ear::saying(b"hello");
    let recording = RecordingTransport::connect(wrap(client.clone()));
    for piece in bytes.chunks(cut) {
        recording.receive(piece);
    }
    if recording.is_closing() {
        recording.lose(Reason::Done);
        assert_eq!(recording.clock().pending_calls(), 0);
    }
    (client, recording)
}

#[test]
fn a_client_says_why_the_proxy_did_not_connect() {
    let destination = Destination::new("example.org", 7).expect("a good name");
    let plain = SocksClient::to(destination.clone());
    let named = plain.clone().user("me", "secret");
    let overlong = plain.clone().user("me", "x".repeat(256));
    let cases: [(&SocksClient, &[u8], SocksError); 8] = [
        (&plain, b"\x05\xff", SocksError::NoMethod),
        (&plain, b"\x05\x02", SocksError::NoMethod),
        (&plain, b"HTTP/1.1 400", SocksError::BadVersion(b'H')),
        (
            &plain,
            b"\x05\0\x05\x05\0\x01",
            SocksError::Refused(SocksReply::ConnectionRefused),
        ),
        (
            &plain,
            b"\x05\0\x05\x63\0\x01",
            SocksError::Refused(SocksReply::Other(0x63)),
        ),
        (&plain, b"\x05\0\x05\0\0\x09", SocksError::AddressType(9)),
        (&named, b"\x05\x02\x01\x01", SocksError::BadCredentials),
        (&overlong, b"\x05\x02", SocksError::BadCredentials),
    ];
    for (through, bytes, error) in cases {
        for cut in CUTS {
            let (client, _recording) = answered(&|client| through.wrap(client), bytes, cut);
            assert_eq!(client.error(), Some(error), "{}", bytes.escape_ascii());
            assert!(!client.is_made());
        }
    }
    let (client, recording) = answered(&|client| plain.wrap(client), b"\x05\0\x05\0\0", 3);
    recording.clock().advance(Duration::from_secs(30));
    recording.lose(Reason::Done);
    let lost = client.lost.borrow();
    let error = lost.as_ref().and_then(|lost| lost.downcast_ref());
    assert_eq!(
        error,
        Some(&OpeningError::TimedOut(Duration::from_secs(30)))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_client_takes_anything_at_any_cut(
        start in prop::sample::select(vec![&b""[..], b"\x05\0", b"\x05\0\x05\0\0", b"\x05\x02\x01\0", b"HTTP/1.1 200 "]),
        bytes in vec(prop_oneof![any::<u8>(), 0_u8..8, prop::sample::select(b"\r\n".to_vec())], 0..300),
        cut in 1_usize..20,
    ) {
        let bytes = [start, &bytes].concat();
        let socks = |client| {
            let destination = Destination::new("example.org", 7).expect("a good name");
            SocksClient::to(destination).user("me", "secret").wrap(client)
        };
        let wraps: [&dyn Fn(Ear) -> ProtocolRef; 2] = [&socks, &http];
        for wrap in wraps {
            let outcome = |cut| {
                let (client, recording) = answered(wrap, &bytes, cut);
                let lost = client.lost.borrow().as_ref().map(ToString::to_string);
                (client.heard.take(), client.is_made(), lost, recording.written())
            };
            prop_assert_eq!(outcome(cut), outcome(usize::MAX));
        }
    }
}
