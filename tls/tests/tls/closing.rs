//! The ends: in order, cut off, aborted, half.

use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::testing::{Pair, Side};
use retwist_reactor::{Channel, Layer, Seat};
use retwist_tls::{ClientCertificates, ServerOptions, TlsRole, TlsTransport};

use crate::common::{AUTHORITY, CUTS, Heard, Other, client, echo, quiet, server, tape};
use crate::starting::CallNow;

#[test]
fn in_order_it_is_clean_for_both_and_nothing_is_lost() {
    for cut in CUTS {
        let (a, a_notes) = tape(|heard, transport| {
            if heard == Heard::Handshake {
                transport.write(b"last words");
                transport.lose_connection();
                transport.lose_connection();
                transport.write(b"never sent");
            }
        });
        let (b, b_notes) = echo();
        let pair = Pair::new(
            TlsTransport::new(client(), a).as_protocol(),
            TlsTransport::new(server(), b).as_protocol(),
        )
        .cut(cut);
        pair.run();
        assert_eq!(
            a_notes.log(),
            ["made", "handshake", "lost: connection closed cleanly"],
            "{cut}"
        );
        let log = [
            "made",
            "handshake",
            "data last words",
            "read lost",
            "lost: connection closed cleanly",
        ];
        assert_eq!(b_notes.log(), log, "{cut}");
        assert_eq!(pair.clock().pending_calls(), 0);
    }
}

#[test]
fn a_request_and_close_notify_in_one_read_are_answered() {
    for cut in CUTS {
        let (b, notes) = echo();
        let other = Other::client();
        let pair = Pair::new(&other, TlsTransport::new(server(), b).as_protocol()).cut(cut);
        pair.run();
        other.call_now(|other| {
            other.write(b"request");
            other.close_notify();
        });
        pair.run();
        other.call_now(|other| {
            assert_eq!(other.received, b"request", "{cut}");
            assert!(other.closed, "close_notify came back");
            assert!(other.input_ended);
            other.wire().lose_connection();
        });
        pair.run();
        assert_eq!(
            notes.log().last().unwrap(),
            "lost: connection closed cleanly"
        );
    }
}

#[test]
fn a_peer_that_never_answers_costs_no_wait() {
    let (b, notes) = tape(|heard, transport| {
        if let Heard::Data(_) = heard {
            transport.write(b"answer");
            transport.lose_connection();
        }
    });
    let other = Other::client();
    let pair = Pair::new(&other, TlsTransport::new(server(), b).as_protocol());
    pair.run();
    other.call_now(|other| other.write(b"request"));
    pair.run();
    other.call_now(|other| {
        assert_eq!(other.received, b"answer");
        assert!(other.closed && other.input_ended);
    });
    // It keeps its side open, and says nothing.
    pair.advance(Duration::from_secs(60));
    assert_eq!(
        notes.log().last().unwrap(),
        "lost: connection closed cleanly"
    );
    assert_eq!(pair.clock().pending_calls(), 0);
}

/// The end of TLS is not the end: `connection_lost` is told when the transport below has ended, and
/// not before.
#[test]
fn a_loss_is_told_when_the_transport_below_has_ended() {
    for fails in [false, true] {
        let (b, notes) = tape(|heard, transport| {
            if let Heard::Data(_) = heard {
                transport.lose_connection();
            }
        });
        let other = Other::client();
        let pair = Pair::new(&other, TlsTransport::new(server(), b).as_protocol());
        pair.run();
        other.call_now(|other| {
            if fails {
                other.wire().write(b"clear text")
            } else {
                other.write(b"request")
            }
        });
        pair.run();
        other.call_now(|other| assert!(other.input_ended, "ours is ended"));
        assert_eq!(notes.reason(), "", "and theirs is not");
        other.call_now(|other| other.wire().lose_connection());
        pair.run();
        let reason = if fails {
            "the peer does not speak TLS here"
        } else {
            "connection closed cleanly"
        };
        assert_eq!(notes.reason(), reason);
    }
}

#[test]
fn an_end_without_close_notify_is_a_truncation() {
    for cut in CUTS {
        let (b, notes) = echo();
        let other = Other::client();
        let pair = Pair::new(&other, TlsTransport::new(server(), b).as_protocol()).cut(cut);
        pair.run();
        other.call_now(|other| {
            other.write(b"all of it?");
            other.wire().lose_write_connection();
        });
        pair.run();
        other.call_now(|other| {
            assert_eq!(
                other.received, b"all of it?",
                "what was answered still came"
            );
            assert!(other.closed, "and our close_notify");
            other.wire().lose_connection();
        });
        pair.run();
        let log = notes.log();
        assert_eq!(log[..3], ["made", "handshake", "data all of it?"], "{cut}");
        assert_eq!(log.len(), 4, "no end of input is told: {log:?}");
        assert!(
            notes.reason().contains("without close_notify"),
            "{}",
            notes.reason()
        );
    }
}

#[test]
fn cut_at_any_byte_it_is_never_clean() {
    let mut whole = 0;
    for bytes in (0..).step_by(37) {
        let (a, a_notes) = tape(|heard, transport| {
            if heard == Heard::Handshake {
                transport.write(b"upload");
                transport.lose_connection();
            }
        });
        let (b, b_notes) = quiet();
        let pair = Pair::new(
            TlsTransport::new(client(), a).as_protocol(),
            TlsTransport::new(server(), b).as_protocol(),
        )
        .close_after(Side::Client, bytes);
        pair.advance(Duration::from_secs(60));
        assert_eq!(
            a_notes
                .log()
                .iter()
                .filter(|line| line.starts_with("lost"))
                .count(),
            1
        );
        assert_eq!(
            b_notes
                .log()
                .iter()
                .filter(|line| line.starts_with("lost"))
                .count(),
            1
        );
        assert_eq!(pair.clock().pending_calls(), 0);
        if b_notes.reason().contains("cleanly") {
            whole = bytes;
            assert_eq!(b_notes.log()[..3], ["made", "handshake", "data upload"]);
            break;
        }
        let reason = b_notes.reason();
        assert!(
            reason.contains("during the TLS handshake") || reason.contains("without close_notify"),
            "{reason}"
        );
        assert!(!b_notes.log().contains(&"read lost".into()));
    }
    assert!(whole > 300);
}

#[test]
fn a_half_close_is_close_notify_and_reading_goes_on() {
    for cut in CUTS {
        let (a, a_notes) = tape(|heard, transport| {
            if heard == Heard::Handshake {
                transport.write(b"request");
                transport.lose_write_connection();
                transport.write(b"never sent");
            }
        });
        let (b, b_notes) = tape(|heard, transport| {
            if heard == Heard::ReadLost {
                transport.write(b"late answer");
            }
        });
        let pair = Pair::new(
            TlsTransport::new(client(), a).as_protocol(),
            TlsTransport::new(server(), b).as_protocol(),
        )
        .cut(cut);
        pair.run();
        let log = [
            "made",
            "handshake",
            "data request",
            "read lost",
            "lost: connection closed cleanly",
        ];
        assert_eq!(b_notes.log(), log, "{cut}");
        let log = [
            "made",
            "handshake",
            "write lost",
            "data late answer",
            "read lost",
            "lost: connection closed cleanly",
        ];
        assert_eq!(a_notes.log(), log, "{cut}");
    }
}

#[test]
fn a_half_close_on_both_sides_ends_it() {
    let half = || {
        let (handle, notes) = tape(|heard, transport| {
            if heard == Heard::Handshake {
                transport.write(b"hi");
                transport.lose_write_connection();
            }
        });
        notes.stays.set(true);
        (handle, notes)
    };
    let ((a, a_notes), (b, b_notes)) = (half(), half());
    let pair = Pair::new(
        TlsTransport::new(client(), a).as_protocol(),
        TlsTransport::new(server(), b).as_protocol(),
    );
    pair.run();
    for notes in [a_notes, b_notes] {
        let log = notes.log();
        for entry in ["data hi", "read lost", "write lost"] {
            assert_eq!(
                log.iter().filter(|line| *line == entry).count(),
                1,
                "{log:?}"
            );
        }
        assert_eq!(log.last().unwrap(), "lost: connection closed cleanly");
    }
}

#[test]
fn a_close_after_a_half_close_ends_it() {
    let (a, a_notes) = tape(|heard, transport| match heard {
        Heard::Handshake => transport.lose_write_connection(),
        Heard::WriteLost => transport.lose_connection(),
        _ => {}
    });
    let (b, b_notes) = quiet();
    let pair = Pair::new(
        TlsTransport::new(client(), a).as_protocol(),
        TlsTransport::new(server(), b).as_protocol(),
    );
    pair.run();
    assert_eq!(
        a_notes.log().last().unwrap(),
        "lost: connection closed cleanly"
    );
    assert_eq!(
        b_notes.log().last().unwrap(),
        "lost: connection closed cleanly"
    );
}

#[test]
fn nothing_is_delivered_after_a_close_or_an_abort() {
    for abort in [false, true] {
        let (b, notes) = tape(move |heard, transport| {
            if let Heard::Data(_) = heard {
                if abort {
                    transport.abort_connection();
                    transport.abort_connection();
                    transport.lose_connection();
                } else {
                    transport.lose_connection()
                }
            }
        });
        let other = Other::client();
        let pair = Pair::new(&other, TlsTransport::new(server(), b).as_protocol());
        pair.run();
        // Three records in one read.
        other.call_now(|other| {
            other.write(b"one");
            other.write(b"two");
            other.write(b"three");
        });
        pair.run();
        other.call_now(|other| other.wire().lose_connection());
        pair.run();
        let end = if abort {
            "lost: connection aborted by this side"
        } else {
            "lost: connection closed cleanly"
        };
        assert_eq!(notes.log(), ["made", "handshake", "data one", end]);
        assert_eq!(pair.clock().pending_calls(), 0);
    }
}

#[test]
fn closed_and_aborted_in_the_handshake() {
    for abort in [false, true] {
        let (a, a_notes) = tape(move |heard, transport| {
            if heard == Heard::Made {
                let tls = retwist_tls::start_tls(transport, client()).unwrap();
                if abort {
                    tls.abort_connection()
                } else {
                    tls.lose_connection()
                }
            }
        });
        let (b, b_notes) = quiet();
        let pair = Pair::new(a, TlsTransport::new(server(), b).as_protocol());
        pair.run();
        let end = if abort {
            "lost: connection aborted by this side"
        } else {
            "lost: connection closed cleanly"
        };
        assert_eq!(a_notes.log().last().unwrap(), end);
        assert_eq!(
            b_notes.log().len(),
            1,
            "connection_lost alone: {:?}",
            b_notes.log()
        );
    }
}

#[test]
fn a_close_with_words_in_the_queue_waits_for_the_handshake() {
    for cut in CUTS {
        let (a, _) = tape(|heard, transport| {
            if heard == Heard::Made {
                let tls = retwist_tls::start_tls(transport, client()).unwrap();
                tls.write(b"short visit");
                tls.lose_connection();
            }
        });
        let (b, notes) = quiet();
        let pair = Pair::new(a, TlsTransport::new(server(), b).as_protocol()).cut(cut);
        pair.run();
        assert_eq!(
            notes.log()[2..4],
            ["data short visit", "read lost"],
            "{cut}"
        );
    }
}

#[test]
fn a_panic_costs_its_connection_alone() {
    let (b, notes) = tape(|heard, _| {
        if let Heard::Data(_) = heard {
            panic!("in data_received");
        }
    });
    let other = Other::client();
    let pair = Pair::new(&other, TlsTransport::new(server(), b).as_protocol());
    pair.run();
    other.call_now(|other| other.write(b"hi"));
    pair.run();
    assert!(
        notes.reason().contains("in data_received"),
        "{}",
        notes.reason()
    );
    assert!(other.call_now(|other| other.lost.is_some()));
}

/// A layer that passes everything on.
struct Between(Seat);

impl Channel for Between {
    fn seat(&self) -> &Seat {
        &self.0
    }
}

impl Layer for Between {}

/// In TLS 1.3 a client is done before the server has seen its certificate. What the server says of
/// it comes after a close that follows at once.
#[test]
fn a_client_that_writes_and_closes_hears_why_it_was_refused() {
    let options = ServerOptions::new(AUTHORITY.identity(&["localhost"]));
    let demanding = options.client_certificates(ClientCertificates::Required(AUTHORITY.roots()));
    let demanding = TlsRole::server(demanding.build().unwrap());
    for (cut, between) in CUTS.into_iter().flat_map(|cut| [(cut, false), (cut, true)]) {
        for (refuses, role) in [(true, demanding.clone()), (false, server())] {
            let (a, notes) = tape(|heard, transport| {
                if heard == Heard::Handshake {
                    transport.write(b"please");
                    transport.lose_connection();
                }
            });
            let mut dialling = TlsTransport::new(client(), a).as_protocol();
            if between {
                dialling = Rc::new_cyclic(|me| Between(Seat::new(me, dialling))).as_protocol();
            }
            let answering = TlsTransport::new(role, quiet().0).as_protocol();
            let pair = Pair::new(dialling, answering).cut(cut);
            pair.run();
            let reason = notes.reason();
            if refuses {
                assert!(
                    reason.contains("alert certificate_required"),
                    "{cut}: {reason}"
                );
            } else {
                assert_eq!(reason, "connection closed cleanly", "{cut}");
            }
        }
    }
}
