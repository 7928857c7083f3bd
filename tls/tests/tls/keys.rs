//! What a protocol does with the keys of a connection: exporters, channel bindings, and new keys.

use std::cell::RefCell;
use std::rc::Rc;

use retwist_reactor::testing::Pair;
use retwist_reactor::{Layer, TransportRef};
use retwist_tls::{
    ChannelBinding, ClientCertificates, ClientOptions, Identities, Identity, Resumption,
    ServerOptions, TlsError, TlsRole, TlsTransport, TrustRoots, start_tls, stop_tls,
};

use crate::common::{
    AUTHORITY, CUTS, Heard, Notes, Other, client, echo, old_client, old_client_that_resumes, quiet,
    server, server_config, tape,
};
use crate::starting::CallNow;

fn export(transport: &TransportRef, label: &[u8], context: Option<&[u8]>) -> Vec<u8> {
    let mut output = vec![0; 100];
    TlsTransport::export_keying_material(transport, &mut output, label, context).unwrap();
    output
}

fn meet(dial: TlsRole, serve: TlsRole) -> (Rc<Notes>, Rc<Notes>, Pair) {
    let ((a, a_notes), (b, b_notes)) = (quiet(), quiet());
    let pair = Pair::new(
        TlsTransport::new(dial, a).as_protocol(),
        TlsTransport::new(serve, b).as_protocol(),
    );
    pair.run();
    (a_notes, b_notes, pair)
}

#[test]
fn both_sides_export_what_rustls_exports() {
    for cut in CUTS {
        for other in [Other::client(), Other::old_client(), Other::server()] {
            let role = if other.call_now(|other| other.is_client()) {
                server()
            } else {
                client()
            };
            let (b, notes) = quiet();
            let pair = Pair::new(&other, TlsTransport::new(role, b).as_protocol()).cut(cut);
            pair.run();
            let transport = notes.transport();
            let mut seen = Vec::new();
            for label in [&b"EXPERIMENTAL one"[..], &[b'x'; 249]] {
                for context in [None, Some(&b""[..]), Some(b"context"), Some(&[7; 300])] {
                    let ours = export(&transport, label, context);
                    assert_eq!(ours, other.call_now(|other| other.export(label, context)));
                    seen.push(ours);
                }
            }
            seen.sort();
            seen.dedup();
            // In TLS 1.2 no context is another thing than an empty one.
            let version = TlsTransport::of(&transport).unwrap().version;
            let same = usize::from(version == rustls::ProtocolVersion::TLSv1_3);
            assert_eq!(seen.len(), 8 - 2 * same);
        }
    }
}

#[test]
fn an_exporter_is_there_from_the_handshake_on_and_inside_callbacks() {
    let exported = Rc::<RefCell<Vec<Vec<u8>>>>::default();
    let log = exported.clone();
    let (a, _) = tape(move |heard, transport| {
        let binding = TlsTransport::channel_binding(transport, ChannelBinding::TlsExporter);
        match heard {
            Heard::Switched => assert!(matches!(binding, Err(TlsError::NotTls))),
            _ => log.borrow_mut().push(binding.unwrap()),
        }
        if heard == Heard::Handshake {
            transport.write(b"hello");
        }
    });
    let (b, b_notes) = echo();
    let pair = Pair::new(
        TlsTransport::new(client(), a).as_protocol(),
        TlsTransport::new(server(), b).as_protocol(),
    );
    pair.run();
    let peer = b_notes.transport();
    let expected = TlsTransport::channel_binding(&peer, ChannelBinding::TlsExporter).unwrap();
    assert_eq!(expected.len(), 32);
    // Made, the handshake, and the echo.
    assert_eq!(*exported.borrow(), vec![expected; 3]);
}

#[test]
fn each_connection_and_each_storey_exports_its_own() {
    let serve = ServerOptions::new(AUTHORITY.identity(&["localhost"]));
    let serve = TlsRole::server(serve.resumption(Resumption::Tickets).build().unwrap());
    let dial = ClientOptions::new(AUTHORITY.roots()).build().unwrap();
    let dial = TlsRole::client(dial, "localhost").unwrap();
    let mut seen = Vec::new();
    for resumed in [false, true] {
        let (a, b, pair) = meet(dial.clone(), serve.clone());
        let (client, server) = (a.transport(), b.transport());
        assert_eq!(TlsTransport::of(&client).unwrap().resumed, resumed);
        for storey in 0..2 {
            let [ours, theirs] =
                [&a, &b].map(|notes| export(&notes.transport(), b"EXPERIMENTAL", None));
            assert_eq!(ours, theirs);
            seen.push(ours);
            if storey == 0 {
                // TLS in TLS: the innermost counts, from its handshake on.
                start_tls(&server, serve.clone()).unwrap();
                let inner = start_tls(&client, dial.clone()).unwrap();
                let mut output = [0; 8];
                let early =
                    TlsTransport::export_keying_material(&inner, &mut output, b"label", None);
                assert!(matches!(early, Err(TlsError::NotTls)));
                pair.run();
            }
        }
        stop_tls(&a.transport()).unwrap();
        pair.run();
        b.stays.set(true);
        drop(pair);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 4);
}

#[test]
fn a_session_of_tls_1_2_that_is_resumed_exports_anew() {
    let serve = ServerOptions::new(AUTHORITY.identity(&["localhost"]));
    let serve = serve.build().unwrap();
    let dial = old_client_that_resumes();
    let mut seen = Vec::new();
    for resumed in [false, true, true] {
        let choosing = serve.clone();
        let choosing = TlsRole::server_choosing(move |_| Some(choosing.clone()));
        let (a, b, _pair) = meet(dial.clone(), choosing);
        assert_eq!(TlsTransport::of(&a.transport()).unwrap().resumed, resumed);
        let [ours, theirs] = [&a, &b].map(|notes| {
            TlsTransport::channel_binding(&notes.transport(), ChannelBinding::TlsExporter).unwrap()
        });
        assert_eq!(ours, theirs);
        seen.push(ours);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 3);
}

#[test]
fn what_cannot_be_exported_is_an_error() {
    let (a, _b, _pair) = meet(client(), server());
    let transport = a.transport();
    let refuse = |output: &mut [u8], label: &[u8], context| {
        let refused = TlsTransport::export_keying_material(&transport, output, label, context);
        assert!(
            matches!(refused, Err(TlsError::Unavailable(_))),
            "{refused:?}"
        );
    };
    refuse(&mut [0; 8], b"", None);
    refuse(&mut [0; 8], &[b'x'; 250], None);
    refuse(&mut [], b"label", None);
    refuse(&mut [0; 255 * 48 + 1], b"label", None);
    refuse(&mut [0; 70_000], b"label", None);
    refuse(&mut [0; 8], b"label", Some(&[0; 65_536]));
    // The largest that there is.
    let largest = &mut vec![0; 255 * 32];
    TlsTransport::export_keying_material(&transport, largest, b"label", Some(&[0; 65_535]))
        .unwrap();

    let (plain, notes) = quiet();
    let pair = Pair::new(plain, quiet().0);
    pair.run();
    let clear = TlsTransport::channel_binding(&notes.transport(), ChannelBinding::TlsExporter);
    assert!(matches!(clear, Err(TlsError::NotTls)));
}

#[test]
fn the_end_point_is_the_certificate_of_the_server() {
    let end_point = |notes: &Notes| {
        TlsTransport::channel_binding(&notes.transport(), ChannelBinding::TlsServerEndPoint)
    };
    let choosing = TlsRole::server_choosing(|_| Some(server_config()));
    for (dial, serve) in [
        (client(), server()),
        (old_client(), server()),
        (client(), choosing),
    ] {
        let (a, b, _pair) = meet(dial, serve);
        let (ours, theirs) = (end_point(&a).unwrap(), end_point(&b).unwrap());
        assert_eq!(ours.len(), 32);
        assert_eq!(ours, theirs);
    }

    // The certificate of a client is another thing, also when that of the server is gone.
    let identities = Identities::new(AUTHORITY.identity(&["localhost"]));
    let serve = ServerOptions::choosing(identities.clone())
        .client_certificates(ClientCertificates::Required(AUTHORITY.roots()));
    let dial = ClientOptions::new(AUTHORITY.roots()).identity(AUTHORITY.identity(&["a client"]));
    let (a, b, _pair) = meet(
        TlsRole::client(dial.build().unwrap(), "localhost").unwrap(),
        TlsRole::server(serve.build().unwrap()),
    );
    assert_eq!(end_point(&a).unwrap(), end_point(&b).unwrap());
    identities.set_default(AUTHORITY.identity(&["localhost"]));
    assert!(matches!(end_point(&b), Err(TlsError::Unavailable(_))));
    assert!(end_point(&a).is_ok());

    // A session that was resumed has shown none.
    let serve = ServerOptions::new(AUTHORITY.identity(&["localhost"]))
        .build()
        .unwrap();
    let dial = ClientOptions::new(AUTHORITY.roots()).build().unwrap();
    let dial = TlsRole::client(dial, "localhost").unwrap();
    for resumed in [false, true] {
        let (a, b, _pair) = meet(dial.clone(), TlsRole::server(serve.clone()));
        for notes in [a, b] {
            assert_eq!(end_point(&notes).is_err(), resumed);
        }
    }

    // Ed25519 has no hash that could be named.
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let made = params.self_signed(&key).unwrap();
    let identity = Identity::from_pem(made.pem(), key.serialize_pem()).unwrap();
    let roots = TrustRoots::from_pem(made.pem()).unwrap();
    let dial = ClientOptions::new(roots).build().unwrap();
    let (a, b, _pair) = meet(
        TlsRole::client(dial, "localhost").unwrap(),
        TlsRole::server(ServerOptions::new(identity).build().unwrap()),
    );
    for notes in [a, b] {
        assert!(matches!(end_point(&notes), Err(TlsError::Unavailable(_))));
    }
}

#[test]
fn new_keys_are_taken_by_both_sides() {
    for cut in CUTS {
        for other in [Other::client(), Other::server()] {
            let role = if other.call_now(|other| other.is_client()) {
                server()
            } else {
                client()
            };
            let (b, notes) = echo();
            let pair = Pair::new(&other, TlsTransport::new(role, b).as_protocol()).cut(cut);
            pair.run();
            for _ in 0..20 {
                let before = other.call_now(|other| other.wire_bytes);
                notes.transport().write(b"old");
                // Several requests are one.
                for _ in 0..3 {
                    TlsTransport::update_keys(&notes.transport()).unwrap();
                }
                pair.run();
                // The header, the message, its type and the tag; and the word.
                let sent = other.call_now(|other| other.wire_bytes) - before;
                assert_eq!(sent, (5 + 5 + 1 + 16) + (5 + 3 + 1 + 16));
                notes.transport().write(b"new");
                pair.run();
                other.call_now(|other| {
                    assert!(other.received.ends_with(b"oldnew"));
                    other.write(b"x");
                });
                pair.run();
                other.call_now(|other| {
                    assert!(other.received.ends_with(b"x"), "the echo");
                    assert!(other.error.is_none());
                });
            }
        }
    }
}

#[test]
fn new_keys_from_inside_a_callback_and_in_tls_in_tls() {
    for cut in CUTS {
        let (a, a_notes) = tape(|heard, transport| {
            if let Heard::Data(_) = heard {
                transport.write(b"answer ");
                TlsTransport::update_keys(transport).unwrap();
                transport.write(b"more ");
            }
        });
        let inner = |role, protocol| TlsTransport::new(role, protocol).as_protocol();
        let a = inner(client(), inner(client(), a.into()));
        let (b, b_notes) = quiet();
        let b = inner(server(), inner(server(), b.into()));
        let pair = Pair::new(a, b).cut(cut);
        pair.run();
        for _ in 0..3 {
            b_notes.transport().write(b"question ");
            pair.run();
        }
        assert_eq!(
            b_notes.log().last().unwrap(),
            &format!("data {}", "answer more ".repeat(3))
        );
        TlsTransport::update_keys(&b_notes.transport()).unwrap();
        b_notes.transport().lose_connection();
        pair.run();
        for notes in [a_notes, b_notes] {
            assert_eq!(
                notes.log().last().unwrap(),
                "lost: connection closed cleanly"
            );
        }
    }
}

#[test]
fn new_keys_are_refused_where_there_are_none() {
    let (a, _b, pair) = meet(old_client(), server());
    let refused = TlsTransport::update_keys(&a.transport()).unwrap_err();
    assert_eq!(refused.to_string(), "TLS 1.2 has no KeyUpdate");
    a.transport().write(b"x");
    pair.run();

    let (a, b, pair) = meet(client(), server());
    b.stays.set(true);
    a.transport().lose_write_connection();
    for notes in [&a, &b] {
        let closed = TlsTransport::update_keys(&notes.transport());
        assert_eq!(closed.is_err(), Rc::ptr_eq(notes, &a));
    }
    pair.run();
    assert_eq!(b.log().last().unwrap(), "read lost");
    // The peer has said its last word, and still reads.
    b.transport().write(b"old ");
    TlsTransport::update_keys(&b.transport()).unwrap();
    pair.run();
    b.transport().write(b"new");
    pair.run();
    assert_eq!(a.log().last().unwrap(), "data old new");
    assert!(
        a.log().iter().all(|heard| !heard.starts_with("lost")),
        "{:?}",
        a.log()
    );

    let (plain, notes) = quiet();
    let pair = Pair::new(plain, quiet().0);
    pair.run();
    let refused = TlsTransport::update_keys(&notes.transport());
    assert!(matches!(refused, Err(TlsError::NotTls)));
}
