//! The conversation before TLS, in every dialect.

mod capabilities;
mod clients;
mod mysql;
mod servers;

use retwist_protocols::{Dialect, Policy, StartTlsClient, StartTlsServer};
use retwist_reactor::testing::{Pair, RecordingTransport};
use retwist_reactor::{ProtocolRef, Reason};

use crate::common::{CUTS, Ear};

/// What stands above `wrap` hears `bytes` of its peer, in pieces.
fn heard(
    wrap: impl FnOnce(Ear) -> ProtocolRef,
    bytes: &[u8],
    cut: usize,
) -> (Ear, RecordingTransport) {
    let above = Ear::default();
    let recording = RecordingTransport::connect(wrap(above.clone()));
    for piece in bytes.chunks(cut) {
        recording.receive(piece);
    }
    if recording.is_closing() {
        recording.lose(Reason::Done);
        assert_eq!(recording.clock().pending_calls(), 0);
    }
    (above, recording)
}

#[test]
fn both_sides_agree_in_every_dialect_at_every_cut() {
    for dialect in Dialect::ALL {
        for cut in CUTS {
            let (client, server) = (Ear::saying(b"\x16client"), Ear::saying(b"\x16server"));
            let asks = StartTlsClient::new(dialect)
                .name("example.org")
                .wrap(client.clone());
            let offers = StartTlsServer::new(dialect)
                .name("mail.example.org")
                .wrap(server.clone());
            let pair = Pair::new(asks, offers).cut(cut);
            pair.run();
            assert!(client.is_made() && server.is_made(), "{dialect} in {cut}s");
            assert_eq!(*client.heard.borrow(), b"\x16server", "{dialect}");
            assert_eq!(*server.heard.borrow(), b"\x16client", "{dialect}");
        }
    }
}

#[test]
fn a_dialect_has_a_name() {
    for dialect in Dialect::ALL {
        assert_eq!(dialect.name().parse(), Ok(dialect));
    }
    let error = "gopher".parse::<Dialect>().unwrap_err().to_string();
    assert!(error.contains("\"gopher\"") && error.contains("smtp, lmtp, imap"));
}
