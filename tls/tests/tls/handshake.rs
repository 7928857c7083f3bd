//! Handshakes: what they agree on, what they refuse and in which words, and how long they may take.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use rcgen::date_time_ymd;
use retwist_reactor::testing::{MemoryReactor, Pair};
use retwist_reactor::{
    Address, ConnectError, Connector, Factory, IntoProtocol, Layer, Reason, error_chain, factory,
};
use retwist_tls::{
    ClientCertificates, ClientOptions, Identity, ServerOptions, TlsError, TlsFactory, TlsRole,
    TlsTransport, start_tls,
};

use crate::common::{
    AUTHORITY, Authority, CUTS, Heard, Notes, Other, client, client_config, echo, old_client,
    quiet, server, server_config, tape,
};
use crate::starting::CallNow;

/// Both ends of a handshake in memory.
fn meet(client: TlsRole, server: TlsRole, cut: usize) -> (Rc<Notes>, Rc<Notes>, Pair) {
    let (a, a_notes) = quiet();
    let (b, b_notes) = quiet();
    let pair = Pair::new(
        TlsTransport::new(client, a).as_protocol(),
        TlsTransport::new(server, b).as_protocol(),
    )
    .cut(cut);
    pair.run();
    (a_notes, b_notes, pair)
}

#[test]
fn a_silent_peer_has_until_the_deadline() {
    for (role, limit) in [
        (server(), 10),
        (server().handshake_timeout(Duration::from_secs(3)), 3),
    ] {
        let (b, notes) = quiet();
        let (silent, silent_notes) = quiet();
        let pair = Pair::new(silent, TlsTransport::new(role, b).as_protocol());
        pair.advance(Duration::from_millis(limit * 1000 - 1));
        assert!(notes.log().is_empty());
        pair.advance(Duration::from_millis(1));
        let words = format!("lost: the TLS handshake was not over after {limit} s");
        assert_eq!(notes.log(), [words], "connection_lost alone");
        assert!(silent_notes.log().last().unwrap().starts_with("lost"));
        assert_eq!(pair.clock().pending_calls(), 0);
    }
}

#[test]
fn a_trickle_does_not_move_the_deadline() {
    let (b, notes) = quiet();
    let (slow, slow_notes) = quiet();
    let pair = Pair::new(slow, TlsTransport::new(server(), b).as_protocol());
    pair.run();
    for byte in [22, 3, 1, 1, 0, 1, 0, 0, 9, 9] {
        slow_notes.transport().write(&[byte]);
        pair.advance(Duration::from_secs(1));
    }
    assert_eq!(
        notes.log(),
        ["lost: the TLS handshake was not over after 10 s"]
    );
}

#[test]
fn a_certificate_of_nearly_64_kib_passes_in_records_of_any_size() {
    let names: Vec<String> = (0..2000)
        .map(|n| format!("name-{n}.of.many.example.org"))
        .collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.push("localhost");
    let (chain, key) = AUTHORITY.certify(&names);
    let identity = Identity::from_pem(chain, key).unwrap();
    assert!((60_000..65_000).contains(&identity.certificates()[0].len()));
    let mut config = (*ServerOptions::new(identity).build().unwrap()).clone();
    for size in [None, Some(32)] {
        config.max_fragment_size = size;
        for cut in [7, 1000, usize::MAX] {
            let (a, b, _pair) = meet(client(), TlsRole::server(config.clone()), cut);
            assert_eq!(a.log(), ["made", "handshake"], "{size:?} {cut}");
            assert_eq!(b.log(), ["made", "handshake"], "{size:?} {cut}");
        }
    }
}

#[test]
fn application_protocols_are_agreed_on_or_refused() {
    let serve = |alpn: &[&str]| {
        let options = ServerOptions::new(AUTHORITY.identity(&["localhost"]));
        TlsRole::server(options.alpn(alpn).build().unwrap())
    };
    let dial = |alpn: &[&str]| {
        let options = ClientOptions::new(AUTHORITY.roots()).alpn(alpn);
        TlsRole::client(options.build().unwrap(), "localhost").unwrap()
    };
    for cut in CUTS {
        let (a, b, _pair) = meet(dial(&["x", "h2", "imap"]), serve(&["imap", "h2"]), cut);
        for notes in [a, b] {
            let info = TlsTransport::of(&notes.transport()).unwrap();
            assert!(
                info.speaks("imap") && !info.speaks("h2"),
                "the server's preference: {info}"
            );
        }
        let (a, _b, _pair) = meet(dial(&[]), serve(&["imap"]), cut);
        assert_eq!(
            TlsTransport::of(&a.transport()).unwrap().alpn_protocol,
            None
        );
        let (a, b, _pair) = meet(dial(&["smtp"]), serve(&["imap"]), cut);
        assert_eq!(
            a.log(),
            [
                "lost: the peer speaks none of the protocols that we offer (ALPN): alert no_application_protocol"
            ],
            "{cut}"
        );
        assert_eq!(
            b.log(),
            ["lost: the peer offers none of the protocols that we speak (ALPN)"]
        );
    }
}

#[test]
fn a_certificate_that_is_not_good_is_named_before_a_byte_is_sent() {
    let stranger = Authority::new();
    let old = |params: &mut rcgen::CertificateParams| {
        params.not_after = date_time_ymd(2001, 1, 1);
        params.not_before = date_time_ymd(2000, 1, 1);
    };
    let cases = [
        (
            AUTHORITY.certify(&["example.org"]),
            "for another name: it is for example.org, not for localhost",
            "certificate",
        ),
        (
            stranger.certify(&["localhost"]),
            "not among our trust roots",
            "does not trust our certificate: alert unknown_ca",
        ),
        (
            AUTHORITY.certify_with(&["localhost"], old),
            "has expired",
            "expired: alert certificate_expired",
        ),
    ];
    for ((chain, key), words, told) in cases {
        let identity = Identity::from_pem(chain, key).unwrap();
        let role = TlsRole::server(ServerOptions::new(identity).build().unwrap());
        for cut in CUTS {
            let (a, b, _pair) = meet(client(), role.clone(), cut);
            assert_eq!(a.log().len(), 1, "connection_lost alone: {:?}", a.log());
            assert!(a.reason().contains(words), "{}", a.reason());
            assert!(b.reason().contains(told), "{}", b.reason());
            assert!(matches!(
                a.reason.borrow().as_ref().unwrap().downcast_ref(),
                Some(TlsError::BadCertificate(_))
            ));
        }
    }
}

#[test]
fn client_certificates_none_optional_and_required() {
    let stranger = Authority::new();
    let modes = [
        ClientCertificates::None,
        ClientCertificates::Optional(AUTHORITY.roots()),
        ClientCertificates::Required(AUTHORITY.roots()),
    ];
    for (mode, policy) in modes.into_iter().enumerate() {
        let options = ServerOptions::new(AUTHORITY.identity(&["localhost"]));
        let role = TlsRole::server(options.client_certificates(policy).build().unwrap());
        for who in ["anonymous", "known", "stranger"] {
            let mut options = ClientOptions::new(AUTHORITY.roots());
            match who {
                "known" => options = options.identity(AUTHORITY.identity(&["a client"])),
                "stranger" => options = options.identity(stranger.identity(&["a client"])),
                _ => {}
            }
            let dial = TlsRole::client(options.build().unwrap(), "localhost").unwrap();
            let (a, b, pair) = meet(dial, role.clone(), usize::MAX);
            let good = match who {
                "anonymous" => mode < 2,
                "known" => true,
                _ => mode == 0,
            };
            assert_eq!(
                b.log().first().map(String::as_str) == Some("made"),
                good,
                "{mode} {who} {:?}",
                b.log()
            );
            if good {
                let info = TlsTransport::of(&b.transport()).unwrap();
                assert_eq!(
                    info.peer_certificates.len(),
                    usize::from(mode > 0 && who == "known")
                );
            } else {
                let (ours, theirs) = match who {
                    "anonymous" => ("showed no certificate", "certificate_required"),
                    _ => ("not among our trust roots", "unknown_ca"),
                };
                assert!(b.reason().contains(ours), "{}", b.reason());
                assert!(
                    a.reason().contains(theirs),
                    "the client hears why: {}",
                    a.reason()
                );
            }
            drop(pair);
        }
    }
}

#[test]
fn sessions_are_resumed_in_memory_and_by_tickets() {
    use retwist_tls::Resumption;
    for (resumption, expected) in [
        (Resumption::Memory(10), true),
        (Resumption::Tickets, true),
        (Resumption::None, false),
    ] {
        let options = ServerOptions::new(AUTHORITY.identity(&["localhost"])).resumption(resumption);
        let serve = TlsRole::server(options.build().unwrap());
        let dial = TlsRole::client(
            ClientOptions::new(AUTHORITY.roots()).build().unwrap(),
            "localhost",
        )
        .unwrap();
        let mut resumed = Vec::new();
        for _ in 0..2 {
            let (a, b, pair) = meet(dial.clone(), serve.clone(), 1000);
            let (a, b) = (a.transport(), b.transport());
            let infos = [TlsTransport::of(&a).unwrap(), TlsTransport::of(&b).unwrap()];
            assert_eq!(infos[0].resumed, infos[1].resumed);
            resumed.push(infos[0].resumed);
            a.lose_connection();
            pair.run();
        }
        assert_eq!(resumed, [false, expected], "{resumption:?}");
    }
}

#[test]
fn tls_1_2_works_too() {
    let dial = old_client();
    for cut in CUTS {
        let (a, a_notes) = tape(|heard, transport| {
            if heard == Heard::Handshake {
                transport.write(&[b'x'; 40_000]);
                transport.lose_connection();
            }
        });
        let (b, b_notes) = echo();
        let pair = Pair::new(
            TlsTransport::new(dial.clone(), a).as_protocol(),
            TlsTransport::new(server(), b).as_protocol(),
        )
        .cut(cut);
        pair.run();
        assert_eq!(b_notes.log()[2].len(), 40_005, "{cut}");
        assert_eq!(
            b_notes.log()[3..],
            ["read lost", "lost: connection closed cleanly"]
        );
        assert_eq!(
            a_notes.log().last().unwrap(),
            "lost: connection closed cleanly"
        );
    }
}

#[test]
fn writes_of_a_callback_are_one_record() {
    let (b, _) = tape(|heard, transport| {
        if let Heard::Data(_) = heard {
            for _ in 0..100 {
                transport.write(b"0123456789");
            }
        }
    });
    let other = Other::client();
    let pair = Pair::new(&other, TlsTransport::new(server(), b).as_protocol());
    pair.run();
    let before = other.call_now(|other| other.wire_bytes);
    // Three records come in one read. The answer to each is sealed before the next is looked at,
    // which might be damaged.
    other.call_now(|other| {
        other.write(b"a");
        other.write(b"b");
        other.write(b"c");
    });
    pair.run();
    other.call_now(|other| {
        assert_eq!(other.received.len(), 3000);
        assert_eq!(other.wire_bytes - before, 3000 + 3 * 22, "headers and tags");
    });
}

#[test]
fn errors_of_a_role() {
    let error = TlsRole::client(client_config(), "not a name").unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"not a name\" is neither a host name nor an IP address"
    );
    for name in ["127.0.0.1", "::1", "example.org."] {
        TlsRole::client(client_config(), name).unwrap();
    }
    let mut config = (*server_config()).clone();
    config.max_early_data_size = 1;
    let (b, notes) = tape(move |heard, transport| {
        if heard == Heard::Made {
            let error = start_tls(transport, TlsRole::server(config.clone())).unwrap_err();
            assert!(error.to_string().contains("max_early_data_size"), "{error}");
            transport.write(b"still in clear");
        }
    });
    let pair = Pair::new(quiet().0, b);
    pair.run();
    assert_eq!(notes.log(), ["made"]);
}

/// What a client's factory is told.
struct Dial {
    log: Rc<RefCell<Vec<String>>>,
}

impl Factory for Dial {
    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        let log = self.log.clone();
        let (tape, _) = tape(move |heard, _| log.borrow_mut().push(format!("{heard:?}")));
        tape
    }

    fn client_connection_failed(self: &Rc<Self>, _: &Connector, error: &ConnectError) {
        self.log
            .borrow_mut()
            .push(format!("failed: {}", error_chain(error)));
    }

    fn client_connection_lost(self: &Rc<Self>, _: &Connector, reason: &Reason) {
        self.log
            .borrow_mut()
            .push(format!("lost: {}", error_chain(reason)));
    }
}

#[test]
fn a_connector_has_connected_when_the_peer_is_verified() {
    let address = "127.0.0.1:1";
    for trusted in [true, false] {
        let log = Rc::<RefCell<Vec<String>>>::default();
        let authority = if trusted {
            AUTHORITY.roots()
        } else {
            Authority::new().roots()
        };
        let config = ClientOptions::new(authority).build().unwrap();
        let role = TlsRole::client(config, "localhost").unwrap();
        let reactor = MemoryReactor::new();
        let dial = TlsFactory::new(role, Dial { log: log.clone() });
        let (b, notes) = quiet();
        let peer = TlsFactory::new(server(), factory(move |_| b.clone()));
        let _port = reactor.listen_tcp_factory(address, peer).unwrap();
        reactor.connect_tcp_factory(address, dial);
        let pair = reactor.complete(&reactor.connecting().remove(0));
        reactor.clock().run();
        if trusted {
            assert_eq!(*log.borrow(), ["Made", "Handshake"]);
            notes.transport().lose_connection();
            reactor.clock().run();
            let expected = [
                "Made",
                "Handshake",
                "ReadLost",
                "lost: connection closed cleanly",
            ];
            assert_eq!(*log.borrow(), expected);
        } else {
            reactor.clock().advance(Duration::from_secs(60));
            let log = log.borrow();
            assert_eq!(log.len(), 1, "{log:?}");
            assert!(
                log[0].starts_with("failed: connected, but the negotiation with the peer failed"),
                "{log:?}"
            );
            assert!(log[0].contains("not among our trust roots"), "{log:?}");
        }
        drop(pair);
    }
}
