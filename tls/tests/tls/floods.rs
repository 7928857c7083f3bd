//! Records that carry nothing, and cost who sends them little: a few are borne, and no flood.

use retwist_reactor::Layer;
use retwist_reactor::testing::Pair;
use retwist_tls::TlsTransport;

use crate::common::{CUTS, Other, client, echo, quiet, server, tape};
use crate::starting::CallNow;

#[test]
fn keys_are_updated_and_a_flood_of_updates_ends_it() {
    for cut in CUTS {
        for (updates, borne) in [(1, true), (30, true), (100, false)] {
            let (b, notes) = echo();
            let other = Other::client();
            let pair = Pair::new(&other, TlsTransport::new(server(), b).as_protocol()).cut(cut);
            pair.run();
            other.call_now(|other| {
                (0..updates).for_each(|_| other.update_keys());
                other.write(b"still here");
            });
            pair.run();
            other.call_now(|other| {
                let expected: &[u8] = if borne { b"still here" } else { b"" };
                assert_eq!(other.received, expected, "{cut} {updates}");
                other.wire().lose_connection();
            });
            pair.run();
            let reason = notes.reason();
            assert_eq!(
                reason.contains("TooManyKeyUpdateRequests"),
                !borne,
                "{cut} {updates}: {reason}"
            );
        }
    }
}

#[test]
fn change_cipher_spec_is_borne_in_the_handshake_and_no_flood_of_it() {
    const CHANGE: &[u8] = b"\x14\x03\x03\x00\x01\x01";
    for cut in CUTS {
        for (changes, borne) in [(1, true), (1000, false)] {
            let (b, notes) = quiet();
            let other = Other::client();
            let hello = other.call_now(Other::take_records);
            let sender = other.clone();
            let (first, _) = tape(move |_, transport| {
                transport.write(&[&hello, &CHANGE.repeat(changes)[..]].concat());
                transport.switch_protocol((&sender).into());
            });
            let pair = Pair::new(first, TlsTransport::new(server(), b).as_protocol()).cut(cut);
            pair.run();
            assert_eq!(
                notes.log().contains(&"handshake".to_owned()),
                borne,
                "{cut} {changes}"
            );
            pair.client().abort_connection();
            pair.run();
            let misbehaved = notes.reason().contains("TooManyMiddleboxCcs")
                || notes.reason().contains("ChangeCipherSpec");
            assert_eq!(misbehaved, !borne, "{cut} {changes}: {}", notes.reason());
        }
    }
}

#[test]
fn an_empty_record_in_clear_is_none() {
    for cut in CUTS {
        for kind in 20..=23 {
            for role in [client, server] {
                let (b, notes) = quiet();
                let (sender, sent) = quiet();
                let pair = Pair::new(sender, TlsTransport::new(role(), b).as_protocol()).cut(cut);
                pair.run();
                sent.transport().write(&[kind, 3, 3, 0, 0]);
                pair.run();
                sent.transport().lose_connection();
                pair.run();
                let reason = notes.reason();
                assert!(reason.starts_with("TLS failed: "), "{cut} {kind}: {reason}");
            }
        }
    }
}
