//! The TLS layer, with a peer that speaks TLS and says other things as well.

use std::io::{Read, Write};
use std::sync::{Arc, LazyLock};

use retwist::testing::RecordingTransport;
use retwist::tls::rustls::{
    ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection,
};
use retwist::tls::{ClientOptions, Identity, ServerOptions, TlsRole, TlsTransport, TrustRoots};
use retwist::{Layer, Reason};

use crate::{Ear, at_any_cut};

static CONFIGS: LazyLock<(Arc<ClientConfig>, Arc<ServerConfig>)> = LazyLock::new(|| {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a name");
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let identity = Identity::from_pem(&certificate, key).expect("a certificate and its key");
    let roots = TrustRoots::from_pem(certificate).expect("a certificate");
    let client = ClientOptions::new(roots).no_resumption();
    let server = ServerOptions::new(identity);
    (
        client.build().expect("all is there"),
        server.build().expect("all is there"),
    )
});

/// The most that a peer sends under TLS: some records, and little against what a connection may
/// take.
const DATA: usize = 40_000;

/// What happens next.
enum Step<'a> {
    /// The peer goes on with TLS.
    Honest,
    /// The peer goes on, but with one bit of it changed.
    Damaged(usize, u8),
    /// The peer goes on, but this comes in the middle of it.
    Interrupted(usize, &'a [u8]),
    /// The peer sends so much under TLS.
    Data(usize),
    /// The peer sends the end of its input.
    CloseNotify,
    /// Something arrives that is as arbitrary as the input.
    Arbitrary(&'a [u8]),
}

impl<'a> Step<'a> {
    fn next(bytes: &mut &'a [u8]) -> Option<Self> {
        let mut number = || bytes.split_off_first().copied();
        let kind = number()?;
        let (at, some) = (number().unwrap_or(0).into(), number().unwrap_or(0));
        let mut run = || {
            let length = bytes.len().min(some.into());
            bytes.split_off(..length).expect("no more than there is")
        };
        Some(match kind % 8 {
            0 | 1 => Step::Honest,
            2 => Step::Damaged(at, some),
            3 => Step::Interrupted(at, run()),
            4 => Step::Data(at * 256),
            5 => Step::CloseNotify,
            _ => Step::Arbitrary(run()),
        })
    }
}

/// Both sides of the layer, one conversation each.
pub fn converse(bytes: &[u8]) {
    let (side, script) = bytes.split_first().unwrap_or((&0, &[]));
    at_any_cut(bytes, |cut| {
        let (client, server) = &*CONFIGS;
        let (role, peer) = if side.is_multiple_of(2) {
            let name = "localhost".try_into().expect("a name");
            let peer = ClientConnection::new(client.clone(), name).expect("a configuration");
            (TlsRole::server(server.clone()), peer.into())
        } else {
            let peer = ServerConnection::new(server.clone()).expect("a configuration");
            let role = TlsRole::client(client.clone(), "localhost").expect("a name");
            (role, peer.into())
        };
        follow(script, role, peer, cut)
    });
}

/// What a protocol on the layer hears, and whether it is closed in the end.
///
/// None where that is left to chance: what a peer says in a handshake is random in part, so where
/// it is damaged, or read with arbitrary bytes before it, the outcome is another each time.
fn follow(
    mut script: &[u8],
    role: TlsRole,
    mut peer: Connection,
    cut: usize,
) -> Option<(Vec<u8>, bool)> {
    let ear = Ear::default();
    let layer = TlsTransport::new(role, ear.clone()).as_protocol();
    let recording = RecordingTransport::connect(layer);
    let receive = |bytes: &[u8]| {
        for piece in bytes.chunks(cut) {
            recording.receive(piece);
        }
    };
    let mut left = DATA;
    let (mut disturbed, mut chance) = (false, false);
    while let Some(step) = Step::next(&mut script) {
        disturbed |= matches!(step, Step::Damaged(..) | Step::Interrupted(..));
        if disturbed && !matches!(step, Step::Arbitrary(_)) && !recording.is_closing() {
            chance = true;
        }
        hear(&mut peer, &recording.take_written());
        match step {
            Step::Honest => receive(&said(&mut peer)),
            Step::Damaged(at, bit) => {
                let mut flight = said(&mut peer);
                if let Some(byte) = flight.get_mut(at) {
                    *byte ^= 1 << (bit % 8);
                }
                receive(&flight);
            }
            Step::Interrupted(at, what) => {
                let flight = said(&mut peer);
                let (before, behind) = flight.split_at(flight.len().min(at));
                receive(&[before, what, behind].concat());
            }
            Step::Data(length) if !peer.is_handshaking() => {
                let length = length.min(left);
                left -= length;
                let _ = peer.writer().write_all(&vec![b'x'; length]);
                receive(&said(&mut peer));
            }
            Step::Data(_) => {}
            Step::CloseNotify => {
                peer.send_close_notify();
                receive(&said(&mut peer));
            }
            Step::Arbitrary(what) => {
                receive(what);
                disturbed |= !what.is_empty();
            }
        }
    }
    let closing = recording.is_closing();
    recording.lose(Reason::Done);
    assert_eq!(recording.clock().pending_calls(), 0, "a timer is left");
    (!chance).then(|| (ear.log.take(), closing))
}

/// The peer hears what it can make something of.
fn hear(peer: &mut Connection, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let read = peer.read_tls(&mut bytes);
        if !read.is_ok_and(|read| read > 0) || peer.process_new_packets().is_err() {
            return;
        }
        let _ = peer.reader().read_to_end(&mut Vec::new());
    }
}

fn said(peer: &mut Connection) -> Vec<u8> {
    let mut flight = Vec::new();
    while peer.wants_write() {
        peer.write_tls(&mut flight).expect("memory takes all");
    }
    flight
}
