//! What a server answers to a first message that is wrong: the same, whether its configuration is
//! given or chosen by the ClientHello.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use retwist_reactor::Layer;
use retwist_reactor::testing::{Pair, RecordingTransport};
use retwist_tls::{Identities, ServerOptions, TlsRole, TlsTransport};

use crate::common::{AUTHORITY, CUTS, client, quiet, server, server_config};

/// An extension of a ClientHello: its number, and what is in it.
type Extension = (u16, Vec<u8>);

const SERVER_NAME: u16 = 0;
const GROUPS: u16 = 10;
const SIGNATURES: u16 = 13;
const PRE_SHARED_KEY: u16 = 41;
const VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;

/// A ClientHello, part by part.
struct Hello {
    suites: Vec<u8>,
    compression: Vec<u8>,
    extensions: Vec<Extension>,
}

impl Hello {
    /// One that a server of TLS 1.3 accepts.
    fn good() -> Self {
        let key = [&[0, 36, 0, 29, 0, 32][..], &[9; 32]].concat();
        Hello {
            suites: vec![0x13, 1],
            compression: vec![0],
            extensions: vec![
                named(b"localhost"),
                (GROUPS, vec![0, 2, 0, 29]),
                (SIGNATURES, vec![0, 4, 4, 3, 8, 4]),
                (VERSIONS, vec![2, 3, 4]),
                (KEY_SHARE, key),
            ],
        }
    }

    fn with(mut self, extension: Extension) -> Self {
        self.extensions.push(extension);
        self
    }

    fn without(mut self, kind: u16) -> Self {
        self.extensions.retain(|extension| extension.0 != kind);
        self
    }

    fn body(&self) -> Vec<u8> {
        let mut extensions = Vec::new();
        for (kind, content) in &self.extensions {
            extensions.extend(kind.to_be_bytes());
            extensions.extend(counted(content));
        }
        let mut body = [&[3, 3][..], &[7; 32], &[0]].concat();
        body.extend(counted(&self.suites));
        body.push(self.compression.len() as u8);
        body.extend(&self.compression);
        body.extend(counted(&extensions));
        body
    }

    fn message(&self) -> Vec<u8> {
        message(1, &self.body())
    }
}

fn named(name: &[u8]) -> Extension {
    let name = [&[0][..], &counted(name)].concat();
    (SERVER_NAME, counted(&name))
}

fn counted(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes()[..], content].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = (body.len() as u32).to_be_bytes().to_vec();
    message[0] = kind;
    message.extend(body);
    message
}

fn record(kind: u8, fragment: &[u8]) -> Vec<u8> {
    [&[kind, 3, 1][..], &counted(fragment)].concat()
}

fn handshake(message: &[u8]) -> Vec<u8> {
    record(22, message)
}

/// What a server answers, after which piece, and what its protocol hears.
fn answer(role: TlsRole, input: &[u8], cut: usize) -> (Vec<u8>, usize, Vec<String>) {
    let (protocol, notes) = quiet();
    let recording = RecordingTransport::connect(TlsTransport::new(role, protocol).as_protocol());
    let mut pieces = 0;
    for piece in input.chunks(cut) {
        recording.receive(piece);
        pieces += 1;
        if recording.is_closing() {
            break;
        }
    }
    let answer = recording.take_written();
    recording.lose(retwist_reactor::Reason::Done);
    (answer, pieces, notes.log())
}

fn choosing() -> TlsRole {
    TlsRole::server_choosing(|_| Some(server_config()))
}

/// Inputs that no server accepts, and the alert that they get; `None` if they get none.
fn refused() -> Vec<(&'static str, Vec<u8>, Option<u8>)> {
    const WARNING: [u8; 7] = [21, 3, 1, 0, 2, 1, 90];
    const UNEXPECTED_MESSAGE: u8 = 10;
    const HANDSHAKE_FAILURE: u8 = 40;
    const ILLEGAL_PARAMETER: u8 = 47;
    const DECODE_ERROR: u8 = 50;
    const PROTOCOL_VERSION: u8 = 70;

    let good = Hello::good().message();
    let pre_shared = [&[0, 7, 0, 1, 9, 0, 0, 0, 0][..], &[0, 33, 32], &[8; 32]].concat();
    let no_compression = Hello {
        compression: vec![1],
        ..Hello::good()
    };
    let strange_suite = Hello {
        suites: vec![0x13, 0x77],
        ..Hello::good()
    };
    let two_names = [named(b"a.org").1, named(b"b.org").1[2..].to_vec()].concat();
    let mut two_names_counted = two_names.clone();
    two_names_counted[1] = (two_names.len() - 2) as u8;
    vec![
        (
            "clear text",
            b"EHLO example.org\r\n".to_vec(),
            Some(DECODE_ERROR),
        ),
        (
            "an old version of records",
            b"\x16\x02\x00\x00\x05\x01\0\0\x01x".to_vec(),
            Some(DECODE_ERROR),
        ),
        ("an empty record", record(22, b""), Some(DECODE_ERROR)),
        (
            "a record that is too long",
            handshake(&[1; (1 << 14) + 1]),
            Some(DECODE_ERROR),
        ),
        (
            "another message",
            handshake(&message(2, &[0; 40])),
            Some(UNEXPECTED_MESSAGE),
        ),
        (
            "a Finished",
            handshake(&message(20, &[0; 32])),
            Some(UNEXPECTED_MESSAGE),
        ),
        (
            "change_cipher_spec",
            record(20, &[1]),
            Some(UNEXPECTED_MESSAGE),
        ),
        (
            "application data",
            record(23, b"data"),
            Some(UNEXPECTED_MESSAGE),
        ),
        ("an alert", record(21, &[2, 40]), None),
        ("close_notify", record(21, &[1, 0]), None),
        (
            "an alert of an unknown level",
            record(21, &[9, 40]),
            Some(ILLEGAL_PARAMETER),
        ),
        ("too many warnings", WARNING.repeat(5), Some(DECODE_ERROR)),
        (
            "clear text behind a warning",
            [&WARNING[..], b"EHLO you\r\n"].concat(),
            Some(DECODE_ERROR),
        ),
        (
            "a warning inside",
            [
                handshake(&good[..9]),
                WARNING.to_vec(),
                handshake(&good[9..]),
            ]
            .concat(),
            Some(DECODE_ERROR),
        ),
        (
            "a hello of 64 KiB",
            handshake(&[1, 1, 0, 0]),
            Some(DECODE_ERROR),
        ),
        (
            "a hello of 16 MiB",
            [22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff].to_vec(),
            Some(DECODE_ERROR),
        ),
        (
            "the same in small records",
            [&[1][..], &[0xff; 90]]
                .concat()
                .chunks(1)
                .flat_map(handshake)
                .collect(),
            Some(DECODE_ERROR),
        ),
        (
            "an empty hello",
            handshake(&message(1, b"")),
            Some(DECODE_ERROR),
        ),
        (
            "half a hello",
            handshake(&message(1, &Hello::good().body()[..60])),
            Some(DECODE_ERROR),
        ),
        (
            "bytes behind the extensions",
            handshake(&message(1, &[&Hello::good().body()[..], b"x"].concat())),
            Some(DECODE_ERROR),
        ),
        (
            "a second message behind it",
            handshake(&[&good[..], &good].concat()),
            Some(UNEXPECTED_MESSAGE),
        ),
        (
            "an extension twice",
            handshake(&Hello::good().with((VERSIONS, vec![2, 3, 4])).message()),
            Some(ILLEGAL_PARAMETER),
        ),
        (
            "a binder that is not last",
            handshake(
                &Hello::good()
                    .with((PRE_SHARED_KEY, pre_shared))
                    .with((99, vec![]))
                    .message(),
            ),
            Some(ILLEGAL_PARAMETER),
        ),
        (
            "an empty name",
            handshake(
                &Hello::good()
                    .without(SERVER_NAME)
                    .with(named(b""))
                    .message(),
            ),
            Some(DECODE_ERROR),
        ),
        (
            "a malformed name",
            handshake(
                &Hello::good()
                    .without(SERVER_NAME)
                    .with(named(b"\xff"))
                    .message(),
            ),
            Some(ILLEGAL_PARAMETER),
        ),
        (
            "two names",
            handshake(
                &Hello::good()
                    .without(SERVER_NAME)
                    .with((SERVER_NAME, two_names_counted))
                    .message(),
            ),
            Some(DECODE_ERROR),
        ),
        (
            "no compression that there is",
            handshake(&no_compression.message()),
            Some(ILLEGAL_PARAMETER),
        ),
        (
            "no signatures",
            handshake(&Hello::good().without(SIGNATURES).message()),
            Some(HANDSHAKE_FAILURE),
        ),
        (
            "no cipher suite in common",
            handshake(&strange_suite.message()),
            Some(HANDSHAKE_FAILURE),
        ),
        (
            "no version in common",
            handshake(
                &Hello::good()
                    .without(VERSIONS)
                    .with((VERSIONS, vec![2, 3, 2]))
                    .message(),
            ),
            Some(PROTOCOL_VERSION),
        ),
    ]
}

#[test]
fn the_same_fault_gets_the_same_alert_from_both_servers() {
    for (what, input, alert) in refused() {
        let alert: Vec<u8> = alert
            .iter()
            .flat_map(|alert| [21, 3, 3, 0, 2, 2, *alert])
            .collect();
        for cut in CUTS {
            let given = answer(server(), &input, cut);
            assert_eq!(given.0, alert, "{what}, cut at {cut}");
            assert_eq!(given.2.len(), 1, "{what}: {:?}", given.2);
            assert_eq!(
                answer(choosing(), &input, cut),
                given,
                "{what}, cut at {cut}"
            );
        }
    }
}

#[test]
fn a_hello_that_is_cut_off_anywhere_gets_the_same_alert_from_both_servers() {
    let body = Hello::good().body();
    for end in 0..body.len() {
        let input = handshake(&message(1, &body[..end]));
        let given = answer(server(), &input, usize::MAX);
        assert_eq!(answer(choosing(), &input, usize::MAX), given, "{end}");
    }
}

#[test]
fn a_hello_that_is_too_large_is_refused_before_it_comes() {
    // 1 in the header of the record says that 16 KiB follow; the message would have 16 MiB.
    let input = [&[22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff][..], &[0; 100]].concat();
    for role in [server(), choosing()] {
        let (_, pieces, log) = answer(role, &input, 1);
        assert_eq!(pieces, 9);
        assert!(log[0].contains("larger than 65536 bytes"), "{log:?}");
    }
}

#[test]
fn warnings_before_the_hello_are_passed_over() {
    for warnings in [1, 4] {
        for cut in CUTS {
            for role in [server(), choosing()] {
                let (protocol, notes) = quiet();
                let tls = TlsTransport::new(role, protocol).as_protocol();
                let peer = TlsTransport::new(client(), quiet().0).as_protocol();
                let (warner, _) = crate::common::tape(move |_, transport| {
                    transport.write(&[21, 3, 1, 0, 2, 1, 90].repeat(warnings));
                    transport.switch_protocol(peer.clone());
                });
                let pair = Pair::new(warner, tls).cut(cut);
                pair.run();
                assert_eq!(notes.log(), ["made", "handshake"], "{warnings} {cut}");
                let info = TlsTransport::of(&notes.transport()).unwrap();
                assert_eq!(info.server_name.as_deref(), Some("localhost"));
            }
        }
    }
}

#[test]
fn the_name_has_no_dot_at_its_end_and_no_capitals() {
    let input = handshake(
        &Hello::good()
            .without(SERVER_NAME)
            .with(named(b"Mail.Example.ORG."))
            .message(),
    );
    let identities = Identities::strict();
    identities.set(
        "mail.example.org",
        AUTHORITY.identity(&["mail.example.org"]),
    );
    let known = TlsRole::server(ServerOptions::choosing(identities).build().unwrap());
    for cut in CUTS {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let chosen = TlsRole::server_choosing(move |hello| {
            let name = hello.server_name().unwrap();
            assert!(name.starts_with("mail.example.org"), "{name}");
            count.fetch_add(1, Ordering::Relaxed);
            Some(server_config())
        });
        for role in [known.clone(), chosen] {
            let (written, _, log) = answer(role, &input, cut);
            assert_eq!(written.first(), Some(&22), "it is answered: {log:?}");
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}
