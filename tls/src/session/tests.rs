use std::cell::{Cell, RefCell};
use std::sync::Arc;

use rustls::{ClientConfig, ServerConfig};

use super::*;
use crate::buffers::Plaintext;
use crate::{ClientOptions, Identity, ServerOptions, TlsInfo, TlsRole, TrustRoots};

/// What a session said, in words.
#[derive(Default)]
struct Heard {
    log: RefCell<Vec<String>>,
    data: RefCell<Vec<u8>>,
    info: Cell<Option<TlsInfo>>,
    sent: RefCell<Vec<u8>>,
    /// One event at a time.
    has_enough: Cell<bool>,
    answer: RefCell<Plaintext>,
}

impl Surroundings for Heard {
    fn hear(&self, event: Event<'_>) {
        let mut log = self.log.borrow_mut();
        match event {
            Event::Completed(info, _) => {
                log.push("completed".into());
                self.info.set(Some(info));
            }
            Event::Data(data) => self.data.borrow_mut().extend_from_slice(data),
            Event::PeerClosed => log.push("closed".into()),
        }
    }

    fn wants_more(&self) -> bool {
        !self.has_enough.get()
    }

    fn take_written(&self) -> Option<Plaintext> {
        Some(self.answer.take()).filter(|answer| !answer.is_empty())
    }

    fn send_sealed(&self, records: &[u8], _: Plaintext) {
        self.send_own(records);
    }

    fn send_own(&self, records: &[u8]) {
        self.sent.borrow_mut().extend_from_slice(records);
    }
}

struct Side {
    session: Session,
    out: Ciphertext,
    heard: Heard,
    left_over: Vec<u8>,
}

impl Side {
    fn new(role: &TlsRole) -> Self {
        let mut side = Side {
            session: Session::new(&role.side).unwrap(),
            out: Ciphertext::new(),
            heard: Heard::default(),
            left_over: Vec::new(),
        };
        side.session.start(&mut side.out).unwrap();
        side
    }

    fn receive(&mut self, input: &[u8]) -> Result<(), TlsError> {
        let mut input = input.to_vec();
        let received = self.session.receive(&mut input, &mut self.out, &self.heard);
        let used = received.map_err(|failure| *failure)?;
        self.left_over.extend_from_slice(&input[used..]);
        Ok(())
    }

    fn log(&self) -> Vec<String> {
        self.heard.log.borrow().clone()
    }

    fn data(&self) -> Vec<u8> {
        self.heard.data.take()
    }

    fn sent(&mut self) -> Vec<u8> {
        let mut sent = self.heard.sent.take();
        sent.extend_from_slice(self.out.bytes());
        self.out = Ciphertext::new();
        sent
    }
}

fn configs(names: usize) -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let mut names: Vec<_> = (0..names)
        .map(|n| format!("name-{n}.of.many.example.org"))
        .collect();
    names.insert(0, "localhost".into());
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let identity = Identity::from_pem(made.cert.pem(), made.signing_key.serialize_pem()).unwrap();
    let roots = TrustRoots::from_pem(made.cert.pem()).unwrap();
    let server = ServerOptions::new(identity).build().unwrap();
    (server, ClientOptions::new(roots).build().unwrap())
}

fn pair(names: usize) -> (Side, Side) {
    let (server, client) = configs(names);
    let client = TlsRole::client(client, "LOCALHOST.").unwrap();
    (Side::new(&client), Side::new(&TlsRole::server(server)))
}

/// Carries bytes both ways, `cut` at a time, until there are none.
fn pump(a: &mut Side, b: &mut Side, cut: usize) -> Result<(), TlsError> {
    loop {
        let (from_a, from_b) = (a.sent(), b.sent());
        if from_a.is_empty() && from_b.is_empty() {
            return Ok(());
        }
        for piece in from_a.chunks(cut) {
            b.receive(piece)?;
        }
        for piece in from_b.chunks(cut) {
            a.receive(piece)?;
        }
    }
}

const CUTS: [usize; 7] = [1, 2, 3, 7, 64, 1000, usize::MAX];

#[test]
fn whatever_the_cut_the_same_conversation() {
    for cut in CUTS {
        let (mut client, mut server) = pair(0);
        pump(&mut client, &mut server, cut).unwrap();
        for to_server in [true, false] {
            let (from, to) = if to_server {
                (&mut client, &mut server)
            } else {
                (&mut server, &mut client)
            };
            for size in [1, 100, 1 << 14, (1 << 14) + 1, 100_000] {
                let data: Vec<u8> = (0..size).map(|n| n as u8).collect();
                from.session.encrypt(&data, &mut from.out).unwrap();
                let sent = from.sent();
                assert!(
                    sent.len() < size + 64 * (1 + size / (1 << 14)),
                    "as few records as possible"
                );
                for piece in sent.chunks(cut) {
                    to.receive(piece).unwrap();
                }
                assert_eq!(to.data(), data, "{cut} {size}");
            }
        }
        server.session.encrypt(b"answer", &mut server.out).unwrap();
        server.session.close_notify(&mut server.out).unwrap();
        let mut sent = server.sent();
        sent.extend_from_slice(b"\x16\x03\x03 in clear, though it looks like a record");
        for piece in sent.chunks(cut) {
            client.receive(piece).unwrap();
        }
        assert_eq!(client.data(), b"answer");
        assert_eq!(
            client.left_over,
            b"\x16\x03\x03 in clear, though it looks like a record"
        );
        assert_eq!(client.log(), ["completed", "closed"]);
        // Our side is still open.
        client.session.encrypt(b"late", &mut client.out).unwrap();
        client.session.close_notify(&mut client.out).unwrap();
        let sent = client.sent();
        server.receive(&sent).unwrap();
        assert_eq!(server.data(), b"late");
        assert_eq!(server.log(), ["completed", "closed"]);
        assert_eq!(
            server.session.incoming.capacity() + client.session.incoming.capacity(),
            0
        );
        let info = server.heard.info.take().unwrap();
        assert_eq!(info.server_name.as_deref(), Some("localhost"));
        assert!(!info.resumed);
    }
}

#[test]
fn a_flight_of_more_than_32_kib_passes() {
    for cut in [1000, usize::MAX] {
        let (mut client, mut server) = pair(1500);
        pump(&mut client, &mut server, cut).unwrap();
        assert_eq!(client.log(), ["completed"]);
        assert_eq!(server.log(), ["completed"]);
    }
}

#[test]
fn a_receiver_that_breaks_gets_the_rest_later() {
    let (mut client, mut server) = pair(0);
    pump(&mut client, &mut server, usize::MAX).unwrap();
    for word in [b"one", b"two"] {
        client.session.encrypt(word, &mut client.out).unwrap();
    }
    let mut sent = client.sent();
    server.heard.has_enough.set(true);
    let mut receive = |server: &mut Side, from| {
        let used = server
            .session
            .receive(&mut sent[from..], &mut server.out, &server.heard);
        (used.unwrap(), server.data())
    };
    let (used, data) = receive(&mut server, 0);
    assert_eq!(data, b"one");
    // What rustls holds back does not stand in the way of what we write.
    server
        .session
        .encrypt(b"meanwhile", &mut server.out)
        .unwrap();
    let (rest, data) = receive(&mut server, used);
    assert_eq!(data, b"two");
    assert_eq!(used + rest, sent.len());
}

#[test]
fn an_answer_goes_before_the_alert_for_what_comes_next() {
    for cut in CUTS {
        let (mut client, mut server) = pair(0);
        pump(&mut client, &mut server, usize::MAX).unwrap();
        client.session.encrypt(b"one", &mut client.out).unwrap();
        let mut sent = client.sent();
        sent.extend_from_slice(b"\x17\x03\x03\x00\x20 a record that no key has ever sealed");
        server.heard.answer.borrow_mut().push(b"answer");
        let failed = sent
            .chunks(cut)
            .find_map(|piece| server.receive(piece).err());
        assert!(failed.is_some(), "{cut}");
        assert_eq!(server.data(), b"one");
        let sent = server.sent();
        let told = client.receive(&sent).unwrap_err();
        assert!(told.to_string().ends_with("bad_record_mac"), "{told}");
        assert_eq!(client.data(), b"answer", "{cut}");
    }
}

#[test]
fn clear_text_is_refused_with_an_alert() {
    for cut in CUTS {
        for text in [&b"EHLO example.org\r\n"[..], b"\x16\x03\x01\x00\x05EHLO "] {
            let (_, mut server) = pair(0);
            let refused = text
                .chunks(cut)
                .find_map(|piece| server.receive(piece).err());
            assert!(refused.is_some(), "{cut}");
            assert_eq!(server.sent()[0], 21, "an alert");
        }
    }
    let (mut client, _) = pair(0);
    client.sent();
    let refused = client.receive(b"220 hello\r\n").unwrap_err();
    assert!(matches!(refused, TlsError::NotTlsPeer(_)), "{refused}");
    assert_eq!(client.sent()[0], 21);
}

#[test]
fn a_forged_record_ends_it_and_the_alert_says_so() {
    let (mut client, mut server) = pair(0);
    pump(&mut client, &mut server, usize::MAX).unwrap();
    client.session.encrypt(b"hello", &mut client.out).unwrap();
    let mut sent = client.sent();
    *sent.last_mut().unwrap() ^= 1;
    let failed = server
        .receive(&[&sent[..], b"and more"].concat())
        .unwrap_err();
    assert_eq!(
        failed.to_string(),
        "a record was damaged or forged on its way"
    );
    let sent = server.sent();
    let told = client.receive(&sent).unwrap_err();
    assert_eq!(
        told.to_string(),
        "what we sent did not arrive as we sent it: alert bad_record_mac"
    );
}

#[test]
fn an_alert_in_place_of_the_first_message_ends_it_and_is_not_answered() {
    for (alert, words) in [
        (
            [1, 0],
            "the peer closed during the handshake: alert close_notify",
        ),
        (
            [2, 80],
            "the peer had a fault of its own: alert internal_error",
        ),
    ] {
        let record = [&[21, 3, 3, 0, 2][..], &alert].concat();
        for cut in CUTS {
            let (client, server) = pair(0);
            for mut side in [client, server] {
                side.sent();
                let mut pieces = record.chunks(cut);
                let ended = pieces.find_map(|piece| side.receive(piece).err());
                let ended = ended.map(|error| error.to_string());
                assert_eq!(ended.as_deref(), Some(words), "{cut}");
                assert!(side.sent().is_empty(), "{cut}");
            }
        }
    }
}

#[test]
fn a_hello_without_end_is_refused() {
    let (_, mut server) = pair(0);
    // A ClientHello of 16 MiB less one, in records of one byte and in large ones.
    for size in [1, 1 << 14] {
        let mut record = vec![22, 3, 1, (size >> 8) as u8, size as u8];
        record.resize(5 + size, 1);
        record[5] = 1;
        let mut received = 0;
        let refused = loop {
            received += record.len();
            if let Err(refused) = server.receive(&record) {
                break refused;
            }
        };
        assert!(received < 1 << 18, "{received}");
        assert!(
            matches!(refused, TlsError::HandshakeTooLarge(_)),
            "{refused}"
        );
        assert_eq!(server.sent()[0], 21);
        server = pair(0).1;
    }
}

#[test]
fn clear_text_ends_tls_only_where_that_was_asked_for() {
    for asked in [false, true] {
        let (mut client, mut server) = pair(0);
        pump(&mut client, &mut server, usize::MAX).unwrap();
        server.session.close_notify(&mut server.out).unwrap();
        if asked {
            server.session.let_clear_end();
        }
        client.session.encrypt(b"last", &mut client.out).unwrap();
        let mut sent = client.sent();
        sent.extend_from_slice(b"NOOP\r\n");
        assert_eq!(server.receive(&sent).is_ok(), asked);
        assert_eq!(server.data(), b"last");
        if asked {
            assert_eq!(server.left_over, b"NOOP\r\n");
            assert_eq!(server.log(), ["completed", "closed"]);
        }
    }
}

#[test]
fn a_server_may_choose_by_the_hello() {
    let (config, client) = configs(0);
    for refuse in [false, true] {
        let config = config.clone();
        let role = TlsRole::server_choosing(move |hello| {
            assert_eq!(hello.server_name(), Some("localhost"));
            (!refuse).then(|| config.clone())
        });
        for cut in CUTS {
            let mut server = Side::new(&role);
            let mut client = Side::new(&TlsRole::client(client.clone(), "localhost").unwrap());
            match pump(&mut client, &mut server, cut) {
                Ok(()) => assert!(!refuse),
                Err(TlsError::Refused) => {
                    let sent = server.sent();
                    let told = client.receive(&sent).unwrap_err().to_string();
                    assert!(told.ends_with("alert unrecognized_name"), "{told}");
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
}
