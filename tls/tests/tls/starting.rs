//! TLS that is started: what is in front of it, with it and behind it.

use std::rc::Rc;

use retwist_reactor::testing::Pair;
use retwist_reactor::{Layer, ProtocolRef, TransportRef};
use retwist_tls::{TlsError, TlsRole, TlsTransport, start_tls, stop_tls};

use crate::common::{CUTS, Heard, Other, by_lines, client, echo, quiet, server, tape};

/// Starts TLS at the first newline.
fn start_at_newline(heard: Heard<'_>, transport: &TransportRef) {
    if let Heard::Data([.., b'\n']) = heard
        && TlsTransport::of(transport).is_none()
    {
        start_tls(transport, server()).unwrap();
    }
}

#[test]
fn clear_text_behind_starttls_is_never_run() {
    for cut in CUTS {
        let (injected, notes) = by_lines(start_at_newline);
        let (attacker, heard) = tape(|heard, transport| {
            if heard == Heard::Made {
                transport.write(b"STARTTLS\nEVIL command\n");
            }
        });
        let pair = Pair::new(attacker, injected).cut(cut);
        pair.run();
        let log = notes.log();
        assert!(
            log.iter().all(|line| !line.contains("EVIL")),
            "{cut} {log:?}"
        );
        assert_eq!(
            log[1..3],
            ["data STARTTLS\n", "switched"][..],
            "{cut} {log:?}"
        );
        assert_eq!(notes.reason(), "the peer does not speak TLS here", "{cut}");
        assert!(
            heard.log()[1].starts_with("data \u{15}"),
            "an alert: {:?}",
            heard.log()
        );
    }
}

#[test]
fn clear_text_behind_the_go_ahead_is_no_answer() {
    for cut in CUTS {
        let (victim, notes) = by_lines(|heard, transport| {
            if let Heard::Data([.., b'\n']) = heard {
                start_tls(transport, client()).unwrap();
            }
        });
        let (attacker, _) = tape(|heard, transport| {
            if heard == Heard::Made {
                transport.write(b"go ahead\n250 injected answer\n");
            }
        });
        Pair::new(victim, attacker).cut(cut).run();
        assert!(
            notes.log().iter().all(|line| !line.contains("injected")),
            "{cut}"
        );
        assert_eq!(notes.reason(), "the peer does not speak TLS here", "{cut}");
    }
}

#[test]
fn a_header_and_the_client_hello_in_one_segment() {
    for cut in CUTS {
        let (server, notes) = by_lines(start_at_newline);
        let other = Other::client();
        let hello = other.call_now(Other::take_records);
        let sender = other.clone();
        let (header, _) = tape(move |heard, transport| {
            if heard == Heard::Made {
                transport.write(&[b"PROXY UNKNOWN\n", &hello[..]].concat());
                transport.switch_protocol((&sender).into());
            }
        });
        let pair = Pair::new(header, server).cut(cut);
        pair.run();
        other.call_now(|other| other.write(b"hi"));
        pair.run();
        let log = [
            "made",
            "data PROXY UNKNOWN\n",
            "switched",
            "handshake",
            "data hi",
        ];
        assert_eq!(notes.log(), log, "{cut}");
    }
}

/// [`ProtocolHandle::call`](retwist_reactor::ProtocolHandle::call), where no callback is running.
pub(crate) trait CallNow<P> {
    fn call_now<R>(&self, call: impl FnOnce(&mut P) -> R) -> R;
}

impl<P: retwist_reactor::Protocol> CallNow<P> for retwist_reactor::ProtocolHandle<P> {
    fn call_now<R>(&self, call: impl FnOnce(&mut P) -> R) -> R {
        self.try_call(call).expect("no callback is running")
    }
}

#[test]
fn from_outside_and_the_old_handle_is_deaf() {
    for cut in CUTS {
        let (a, a_notes) = quiet();
        let (b, b_notes) = echo();
        let pair = Pair::new(a, b).cut(cut);
        pair.run();
        let old = a_notes.transport();
        let new = start_tls(&old, client()).unwrap();
        start_tls(&b_notes.transport(), server()).unwrap();
        assert!(TlsTransport::of(&new).is_none(), "not yet");
        old.write(b"in clear");
        new.write(b"protected");
        assert!(matches!(
            start_tls(&old, client()),
            Err(TlsError::NotConnected)
        ));
        assert!(matches!(stop_tls(&old), Err(TlsError::NotTls)));
        pair.run();
        assert_eq!(
            a_notes.log(),
            ["made", "switched", "handshake", "data protected"],
            "{cut}"
        );
        assert_eq!(b_notes.log(), a_notes.log(), "{cut}");
        let info = TlsTransport::of(&new).unwrap();
        assert_eq!(format!("{:?}", info.version), "TLSv1_3");
        assert_eq!(info.peer_certificates.len(), 1);
        let seen = TlsTransport::of(&b_notes.transport()).unwrap();
        assert_eq!(seen.server_name.as_deref(), Some("localhost"));
        assert!(seen.peer_certificates.is_empty());
        assert_eq!(seen.key_exchange, info.key_exchange);
        assert!(
            TlsTransport::of(&pair.client()).is_none(),
            "below it there is none"
        );
    }
}

#[test]
fn who_accepted_the_connection_may_be_the_client() {
    for cut in CUTS {
        let (dialled, dialled_notes) = quiet();
        let (accepted, accepted_notes) = tape(|heard, transport| {
            if heard == Heard::Handshake {
                transport.write(b"hello");
            }
        });
        let pair = Pair::new(
            TlsTransport::new(server(), dialled).as_protocol(),
            TlsTransport::new(client(), accepted).as_protocol(),
        )
        .cut(cut);
        pair.run();
        assert_eq!(
            dialled_notes.log(),
            ["made", "handshake", "data hello"],
            "{cut}"
        );
        let [shown, asked] = [&accepted_notes, &dialled_notes]
            .map(|notes| TlsTransport::of(&notes.transport()).unwrap());
        assert_eq!(shown.peer_certificates.len(), 1);
        assert_eq!(asked.server_name.as_deref(), Some("localhost"));
    }
}

#[test]
fn what_was_written_before_goes_before_in_clear() {
    for cut in CUTS {
        let (a, _) = tape(|heard, transport| {
            if heard == Heard::Made {
                transport.write(b"STARTTLS\n");
                let tls = start_tls(transport, client()).unwrap();
                tls.write(b"first ");
                tls.write_sequence(&[b"and ", b"second"]);
            }
        });
        let (b, notes) = by_lines(start_at_newline);
        let pair = Pair::new(a, b).cut(cut);
        pair.run();
        let log = [
            "made",
            "data STARTTLS\n",
            "switched",
            "handshake",
            "data first and second",
        ];
        assert_eq!(notes.log(), log, "{cut}");
    }
}

#[test]
fn one_hundred_kb_before_the_handshake_arrives_whole() {
    let body: String = (0..100_000)
        .map(|n| char::from(b'a' + (n % 26) as u8))
        .collect();
    for cut in [7, 1000, usize::MAX] {
        let text = body.clone();
        let (a, _) = tape(move |heard, transport| {
            if heard == Heard::Made {
                let tls = start_tls(transport, client()).unwrap();
                tls.write(text.as_bytes());
                assert!(tls.buffered() >= text.len());
            }
        });
        let (b, notes) = tape(|heard, transport| {
            if heard == Heard::Made {
                start_tls(transport, server()).unwrap();
            }
        });
        let pair = Pair::new(a, b).cut(cut);
        pair.run();
        assert_eq!(notes.log()[3..], [format!("data {body}")], "{cut}");
    }
}

#[test]
fn what_waits_for_the_handshake_is_bounded() {
    let (a, notes) = tape(|heard, transport| {
        if heard == Heard::Made {
            let tls = start_tls(transport, client().output_limit(1000)).unwrap();
            tls.write(&[b'x'; 1000]);
            tls.write(b"x");
        }
    });
    let (b, _) = quiet();
    Pair::new(a, b).run();
    assert!(
        notes.reason().contains("over 1000 bytes"),
        "{}",
        notes.reason()
    );
}

#[test]
fn on_a_closed_transport_it_is_an_error() {
    let (a, notes) = quiet();
    let (b, _) = quiet();
    let pair = Pair::new(a, b);
    pair.run();
    let transport = notes.transport();
    transport.lose_connection();
    assert!(matches!(
        start_tls(&transport, client()),
        Err(TlsError::NotConnected)
    ));
    pair.run();
    let error = start_tls(&transport, client()).unwrap_err();
    assert!(
        error.to_string().starts_with("TLS cannot be started"),
        "{error}"
    );
    assert!(matches!(stop_tls(&transport), Err(TlsError::NotTls)));
}

#[test]
fn a_layer_frees_itself_with_its_connection() {
    let (a, notes) = quiet();
    let (b, _) = quiet();
    let role = client();
    let tls = TlsTransport::new(role, ProtocolRef::from(&a));
    let weak = Rc::downgrade(&tls);
    let pair = Pair::new(tls.as_protocol(), b);
    drop(tls);
    pair.run();
    assert!(weak.upgrade().is_some());
    pair.client().abort_connection();
    pair.run();
    assert!(weak.upgrade().is_none());
    assert_eq!(notes.log(), ["lost: connection aborted by this side"]);
}

#[test]
fn what_has_just_been_started_takes_writes_and_begins_in_the_next_turn() {
    let side = |role: fn() -> TlsRole| {
        tape(move |heard, transport| match heard {
            Heard::Made => {
                let tls = start_tls(transport, role()).unwrap();
                tls.write(b"early");
                assert!(!tls.is_connected());
                let error = start_tls(&tls, role()).unwrap_err().to_string();
                assert!(error.contains("has not begun yet"), "{error}");
                let error = stop_tls(&tls).unwrap_err().to_string();
                assert!(error.contains("has not begun yet"), "{error}");
            }
            Heard::Switched if TlsTransport::of(transport).is_none() => {
                // The same, a turn later.
                assert!(transport.is_connected());
                drop(stop_tls(transport));
            }
            _ => {}
        })
    };
    let ((a, a_notes), (b, b_notes)) = (side(client), side(server));
    let pair = Pair::new(a, b);
    pair.run();
    let log = ["made", "switched", "handshake", "data early", "switched"];
    for notes in [a_notes, b_notes] {
        assert_eq!(notes.log(), log);
    }
    assert_eq!(pair.clock().pending_calls(), 0);
}
