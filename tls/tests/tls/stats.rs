//! What is counted of the handshakes of a thread.

use std::time::Duration;

use rcgen::date_time_ymd;
use retwist_reactor::Layer;
use retwist_reactor::testing::Pair;
use retwist_tls::{
    ClientCertificates, ClientOptions, Identity, ServerOptions, TlsRole, TlsStats, TlsTransport,
    stop_tls,
};

use crate::common::{AUTHORITY, Authority, client, quiet, server, tape};

/// Returns what the reactor has counted by name.
fn meet(dial: TlsRole, serve: TlsRole) -> Vec<String> {
    let pair = Pair::new(
        TlsTransport::new(dial, quiet().0).as_protocol(),
        TlsTransport::new(serve, quiet().0).as_protocol(),
    );
    pair.run();
    let figures = pair.clock().figures().by_name();
    let said = figures
        .iter()
        .map(|one| format!("{} {}", one.name, one.value));
    said.collect()
}

fn counts() -> Vec<String> {
    let stats = TlsStats::of_this_thread();
    let failed = stats
        .failed
        .iter()
        .map(|(kind, count)| format!("{kind} {count}"));
    let alerts = stats
        .peer_alerts
        .iter()
        .map(|(alert, count)| format!("alert {alert} {count}"));
    failed.chain(alerts).collect()
}

#[test]
fn handshakes_and_resumptions() {
    let serve = ServerOptions::new(AUTHORITY.identity(&["localhost"]))
        .build()
        .unwrap();
    let dial = ClientOptions::new(AUTHORITY.roots()).build().unwrap();
    let dial = TlsRole::client(dial, "localhost").unwrap();
    for resumed in [false, true, true] {
        let figures = meet(dial.clone(), TlsRole::server(serve.clone()));
        // Both sides are of this reactor.
        assert_eq!(figures[0], "tls_handshakes 2");
        assert_eq!(figures.get(1).is_some(), resumed, "{figures:?}");
    }
    let stats = TlsStats::of_this_thread();
    // Both sides are of this thread.
    assert_eq!(
        (stats.completed, stats.resumed, stats.hello_retried),
        (6, 4, 0)
    );
    assert!(stats.failed.is_empty() && stats.peer_alerts.is_empty());
    let mut sum = stats.clone();
    sum.add(&stats);
    assert_eq!((sum.completed, sum.resumed), (12, 8));
}

#[test]
fn failures_by_kind_and_by_alert() {
    let figures = meet(
        TlsRole::client(
            ClientOptions::new(Authority::new().roots())
                .build()
                .unwrap(),
            "localhost",
        )
        .unwrap(),
        server(),
    );
    assert_eq!(
        counts(),
        ["certificate 1", "peer_alert 1", "alert unknown_ca 1"]
    );
    let expected = [
        "tls_failures{kind=certificate} 1",
        "tls_failures{kind=peer_alert} 1",
        "tls_peer_alerts{alert=unknown_ca} 1",
    ];
    assert_eq!(figures, expected);

    let (chain, key) = AUTHORITY.certify_with(&["localhost"], |params| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    let identity = Identity::from_pem(chain, key).unwrap();
    meet(
        client(),
        TlsRole::server(ServerOptions::new(identity).build().unwrap()),
    );
    let expected = [
        "certificate 2",
        "peer_alert 2",
        "alert certificate_expired 1",
        "alert unknown_ca 1",
    ];
    assert_eq!(counts(), expected);
}

#[test]
fn a_client_without_its_certificate() {
    let required = ClientCertificates::Required(AUTHORITY.roots());
    let options = ServerOptions::new(AUTHORITY.identity(&["localhost"]));
    meet(
        client(),
        TlsRole::server(options.client_certificates(required).build().unwrap()),
    );
    // In TLS 1.3 the client is done when the server refuses it.
    assert_eq!(counts(), ["certificate 1"]);
    assert_eq!(TlsStats::of_this_thread().completed, 1);
}

#[test]
fn what_is_not_tls_what_ends_and_what_never_comes() {
    for (words, after) in [
        (&b"GET / HTTP/1.0\r\n\r\n"[..], "not_tls 1"),
        (b"\x16\x03\x01", "closed 1"),
        (b"", "closed 1"),
    ] {
        let before = TlsStats::of_this_thread();
        let (plain, _) = tape(move |heard, transport| {
            if heard == crate::common::Heard::Made {
                transport.write(words);
                transport.lose_connection();
            }
        });
        let pair = Pair::new(plain, TlsTransport::new(server(), quiet().0).as_protocol());
        pair.run();
        let kind = after.split(' ').next().unwrap();
        let now = TlsStats::of_this_thread();
        let earlier = before.failed.get(kind).copied().unwrap_or(0);
        assert_eq!(now.failed[kind], earlier + 1, "{words:?} {now:?}");
    }
    let pair = Pair::new(
        quiet().0,
        TlsTransport::new(server(), quiet().0).as_protocol(),
    );
    pair.advance(Duration::from_secs(11));
    assert_eq!(counts(), ["closed 2", "not_tls 1", "timeout 1"]);
    assert_eq!(TlsStats::of_this_thread().completed, 0);
}

#[test]
fn what_breaks_below_or_is_given_up_here() {
    let (silent, notes) = quiet();
    let pair = Pair::new(silent, TlsTransport::new(server(), quiet().0).as_protocol());
    pair.run();
    notes.transport().abort_connection();
    pair.run();
    assert_eq!(counts(), ["transport 1"]);

    // An end after the handshake is not a failure of it, nor is TLS that was left.
    let ((a, a_notes), (b, b_notes)) = (quiet(), quiet());
    let pair = Pair::new(
        TlsTransport::new(client(), a).as_protocol(),
        TlsTransport::new(server(), b).as_protocol(),
    );
    pair.run();
    for notes in [&a_notes, &b_notes] {
        stop_tls(&notes.transport()).unwrap();
    }
    pair.run();
    a_notes.transport().abort_connection();
    pair.run();
    assert_eq!(counts(), ["transport 1"]);
}
