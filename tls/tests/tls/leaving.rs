//! TLS that is left: what comes behind close_notify is for the protocol below, every byte of it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::testing::{ManualClock, Pair, Side};
use retwist_reactor::{Channel, Layer, ProtocolHandle, Seat, StreamSettings};
use retwist_tls::{TlsRole, TlsTransport, start_tls, stop_tls, stop_tls_without_peer_notify};

use crate::common::{CUTS, Heard, Notes, Other, Tape, client, quiet, server, tape};
use crate::starting::CallNow;

/// A protocol that starts TLS at once and stops it when it gets a `!`.
fn stops(role: TlsRole) -> (ProtocolHandle<Tape>, Rc<Notes>) {
    let started = Cell::new(false);
    tape(move |heard, transport| match heard {
        Heard::Made => {
            started.set(true);
            start_tls(transport, role.clone()).unwrap();
        }
        Heard::Data(data) if data.ends_with(b"!") && TlsTransport::of(transport).is_some() => {
            transport.write(b"200 ok");
            stop_tls(transport).unwrap();
            stop_tls(transport).unwrap();
            transport.write(b"never sent");
        }
        _ => {}
    })
}

#[test]
fn close_notify_and_clear_text_in_one_segment() {
    for cut in CUTS {
        let (b, notes) = stops(server());
        let other = Other::client();
        let pair = Pair::new(&other, b).cut(cut);
        pair.run();
        other.call_now(|other| other.write(b"CCC!"));
        pair.run();
        other.call_now(|other| {
            assert_eq!(other.received, b"200 ok", "{cut}");
            assert!(other.closed, "our close_notify");
            // Still under TLS, then its end, then clear text that looks like a record.
            other.write(b"before");
            other.close_notify();
            other.wire().write(b"\x17\x03\x03\x00\x10 in clear");
        });
        pair.run();
        let log = notes.log();
        assert_eq!(log[..3], ["made", "switched", "handshake"], "{cut}");
        assert_eq!(log[3], "data CCC!before", "{cut}");
        assert_eq!(
            log[4..],
            ["switched", "data \u{17}\u{3}\u{3}\0\u{10} in clear"],
            "{cut}"
        );
        assert!(TlsTransport::of(&notes.transport()).is_none());
        assert_eq!(pair.clock().pending_calls(), 0);
        // And in clear it goes on, both ways.
        notes.transport().write(b"clear too");
        notes.transport().lose_connection();
        pair.run();
    }
}

#[test]
fn the_peer_may_ask_first_and_the_protocol_says_what_follows() {
    for cut in CUTS {
        for back_to_clear in [false, true] {
            let (b, notes) = tape(move |heard, transport| match heard {
                Heard::Made => drop(start_tls(transport, server()).unwrap()),
                Heard::ReadLost if back_to_clear => stop_tls(transport).unwrap(),
                _ => {}
            });
            notes.stays.set(back_to_clear);
            let other = Other::client();
            let pair = Pair::new(&other, b).cut(cut);
            pair.run();
            other.call_now(|other| {
                other.write(b"bye");
                other.close_notify();
                other.wire().write(b"in clear");
            });
            pair.run();
            assert!(
                other.call_now(|other| other.closed),
                "close_notify is answered"
            );
            let log = notes.log();
            assert_eq!(
                log[..5],
                ["made", "switched", "handshake", "data bye", "read lost"],
                "{cut}"
            );
            if back_to_clear {
                assert_eq!(log[5..], ["switched", "data in clear"], "{cut}")
            } else {
                assert!(other.call_now(|other| other.input_ended));
                assert_eq!(log.len(), 5, "{log:?}");
            }
        }
    }
}

#[test]
fn a_protocol_that_goes_back_late_still_gets_every_byte() {
    for cut in CUTS {
        let (b, notes) = tape(|heard, transport| {
            if heard == Heard::Made {
                start_tls(transport, server()).unwrap();
            }
        });
        notes.stays.set(true);
        let other = Other::client();
        let pair = Pair::new(&other, b).cut(cut);
        pair.run();
        other.call_now(|other| {
            other.close_notify();
            other.wire().write(b"some in clear, ");
        });
        pair.run();
        other.call_now(|other| other.wire().write(b"and more"));
        pair.run();
        // It may still write under TLS.
        notes.transport().write(b"late words");
        pair.run();
        assert_eq!(notes.log().last().unwrap(), "read lost", "{cut}");
        stop_tls(&notes.transport()).unwrap();
        pair.run();
        assert_eq!(
            other.call_now(|other| other.received.clone()),
            b"late words"
        );
        assert_eq!(
            notes.log()[4..],
            ["switched", "data some in clear, and more"],
            "{cut}"
        );
    }
}

#[test]
fn a_peer_that_goes_on_in_clear_only_where_that_was_asked_for() {
    for cut in CUTS {
        for asked in [false, true] {
            let (b, notes) = tape(move |heard, transport| match heard {
                Heard::Made => drop(start_tls(transport, server()).unwrap()),
                Heard::Data(b"CCC") => {
                    if asked {
                        stop_tls_without_peer_notify(transport).unwrap()
                    } else {
                        stop_tls(transport).unwrap()
                    }
                }
                _ => {}
            });
            let other = Other::client();
            let pair = Pair::new(&other, b).cut(cut);
            pair.run();
            other.call_now(|other| other.write(b"CCC"));
            pair.run();
            other.call_now(|other| other.wire().write(b"NOOP\r\n"));
            pair.run();
            if asked {
                assert_eq!(notes.log()[4..], ["switched", "data NOOP\r\n"], "{cut}")
            } else {
                assert_eq!(notes.log().len(), 4, "{:?}", notes.log());
                other.call_now(|other| other.wire().lose_connection());
                pair.run();
                assert_eq!(notes.reason(), "the peer does not speak TLS here", "{cut}");
            }
        }
    }
}

#[test]
fn a_peer_that_does_not_answer_loses_the_connection() {
    let (b, notes) = stops(server().close_timeout(Duration::from_secs(5)));
    let other = Other::client();
    let pair = Pair::new(&other, b);
    pair.run();
    other.call_now(|other| other.write(b"CCC!"));
    pair.advance(Duration::from_millis(4999));
    assert_eq!(notes.log().len(), 4);
    pair.advance(Duration::from_millis(1));
    assert!(
        notes
            .reason()
            .contains("did not answer close_notify for 5 s"),
        "{}",
        notes.reason()
    );
    assert_eq!(pair.clock().pending_calls(), 0);
}

#[test]
fn the_end_of_input_while_leaving_is_a_truncation() {
    let (b, notes) = stops(server());
    let other = Other::client();
    let pair = Pair::new(&other, b);
    pair.run();
    other.call_now(|other| other.write(b"CCC!"));
    pair.run();
    other.call_now(|other| other.wire().lose_connection());
    pair.run();
    assert!(
        notes.reason().contains("without close_notify"),
        "{}",
        notes.reason()
    );
}

#[test]
fn the_end_of_input_behind_close_notify_is_the_protocols() {
    for cut in CUTS {
        let (b, notes) = stops(server());
        let other = Other::client();
        let pair = Pair::new(&other, b).cut(cut);
        pair.run();
        other.call_now(|other| other.write(b"CCC!"));
        pair.run();
        other.call_now(|other| {
            other.close_notify();
            other.wire().write(b"bye");
            other.wire().lose_connection();
        });
        pair.run();
        let log = [
            "switched",
            "data bye",
            "read lost",
            "lost: connection closed cleanly",
        ];
        assert_eq!(notes.log()[4..], log, "{cut}");
    }
}

#[test]
fn a_paused_protocol_is_not_moved_before_it_has_read() {
    let (b, notes) = tape(|heard, transport| match heard {
        Heard::Made => drop(start_tls(transport, server()).unwrap()),
        Heard::Data(b"one") => {
            transport.pause_producing();
            stop_tls(transport).unwrap();
        }
        _ => {}
    });
    let other = Other::client();
    let pair = Pair::new(&other, b);
    pair.run();
    other.call_now(|other| {
        other.write(b"one");
        other.write(b"two");
        other.close_notify();
        other.wire().write(b"clear");
    });
    pair.advance(Duration::from_secs(60));
    assert_eq!(notes.log()[3..], ["data one"]);
    notes.transport().resume_producing();
    pair.run();
    assert_eq!(notes.log()[3..], ["data onetwo", "switched", "data clear"]);
}

#[test]
fn in_again_after_out() {
    for cut in CUTS {
        let side = |role: fn() -> TlsRole, first: bool| {
            let rounds = Cell::new(0);
            tape(move |heard, transport| match heard {
                Heard::Made => drop(start_tls(transport, role()).unwrap()),
                Heard::Handshake if first => stop_tls(transport).unwrap(),
                Heard::Switched if TlsTransport::of(transport).is_none() => {
                    // Every other time it is TLS that was put under it.
                    rounds.set(rounds.get() + 1);
                    if rounds.get() % 2 == 0 && rounds.get() < 6 {
                        start_tls(transport, role()).unwrap();
                    }
                }
                Heard::ReadLost => stop_tls(transport).unwrap(),
                _ => {}
            })
        };
        let (a, a_notes) = side(client, true);
        let (b, b_notes) = side(server, false);
        b_notes.stays.set(true);
        let pair = Pair::new(a, b).cut(cut);
        pair.run();
        let round = ["switched", "handshake", "switched"];
        assert_eq!(a_notes.log()[1..], [round, round, round].concat(), "{cut}");
        let round = ["switched", "handshake", "read lost", "switched"];
        assert_eq!(b_notes.log()[1..], [round, round, round].concat(), "{cut}");
        assert_eq!(pair.clock().pending_calls(), 0);
    }
}

#[test]
fn cut_off_at_any_byte_while_leaving_nothing_leaks() {
    for bytes in (0..4000).step_by(41) {
        let (a, a_notes) = tape(|heard, transport| match heard {
            Heard::Made => drop(start_tls(transport, client()).unwrap()),
            Heard::Handshake => stop_tls(transport).unwrap(),
            Heard::Switched if TlsTransport::of(transport).is_none() => transport.write(b"clear"),
            _ => {}
        });
        let (b, b_notes) = tape(|heard, transport| match heard {
            Heard::Made => drop(start_tls(transport, server()).unwrap()),
            Heard::ReadLost => drop(stop_tls(transport)),
            _ => {}
        });
        let pair = Pair::new(a, b).reset_after(Side::Client, bytes);
        pair.advance(Duration::from_secs(60));
        pair.client().abort_connection();
        pair.server().abort_connection();
        pair.run();
        for notes in [a_notes, b_notes] {
            let lost = notes
                .log()
                .iter()
                .filter(|line| line.starts_with("lost"))
                .count();
            assert_eq!(lost, 1, "{bytes} {:?}", notes.log());
        }
        assert_eq!(pair.clock().pending_calls(), 0, "{bytes}");
    }
}

/// A layer that does nothing.
struct Plain(Seat);

impl Channel for Plain {
    fn seat(&self) -> &Seat {
        &self.0
    }
}

impl Layer for Plain {}

#[test]
fn a_layer_on_tls_goes_down_with_the_protocol_that_it_carries() {
    for cut in CUTS {
        let (b, notes) = tape(|heard, transport| {
            if heard == Heard::Data(b"!") {
                assert!(TlsTransport::of(transport).is_some());
                transport.write(b"200 ok");
                stop_tls(transport).unwrap();
            }
        });
        let plain = Rc::new_cyclic(|me| Plain(Seat::new(me, &b)));
        let other = Other::client();
        let tls = TlsTransport::new(server(), plain.as_protocol());
        let pair = Pair::new(&other, tls.as_protocol()).cut(cut);
        pair.run();
        other.call_now(|other| other.write(b"!"));
        pair.run();
        other.call_now(|other| {
            assert_eq!(other.received, b"200 ok", "{cut}");
            other.close_notify();
            other.wire().write(b"in clear");
        });
        pair.run();
        assert_eq!(
            notes.log(),
            ["made", "handshake", "data !in clear"],
            "{cut}"
        );
        // The same handle, and no longer TLS below it.
        assert!(TlsTransport::of(&notes.transport()).is_none());
        let before = other.call_now(|other| other.wire_bytes);
        notes.transport().write(b"clear too");
        pair.run();
        assert_eq!(other.call_now(|other| other.wire_bytes) - before, 9);
    }
}

#[test]
fn the_layer_is_gone_when_it_has_been_left() {
    let (b, notes) = quiet();
    let tls = TlsTransport::new(server(), b);
    let weak = Rc::downgrade(&tls);
    let other = Other::client();
    let pair = Pair::new(&other, tls.as_protocol());
    drop(tls);
    pair.run();
    notes.stays.set(true);
    other.call_now(Other::close_notify);
    pair.run();
    stop_tls(&notes.transport()).unwrap();
    pair.run();
    assert!(weak.upgrade().is_none());
    assert_eq!(notes.log(), ["made", "handshake", "read lost", "switched"]);
}

#[test]
fn a_write_above_the_output_limit_arrives_before_tls_is_left() {
    let much = "x".repeat(400_000);
    let settings = StreamSettings {
        output_limit: 1000,
        ..StreamSettings::default()
    };
    for cut in [1000, usize::MAX] {
        let sent = much.clone();
        let (a, left) = tape(move |heard, transport| match heard {
            Heard::Handshake => {
                transport.write(sent.as_bytes());
                stop_tls(transport).unwrap();
            }
            Heard::Switched => transport.write(b"in clear"),
            _ => {}
        });
        let (b, received) = tape(|heard, transport| {
            if heard == Heard::ReadLost {
                stop_tls(transport).unwrap();
            }
        });
        received.stays.set(true);
        let clock = Rc::new(ManualClock::new());
        let pair = Pair::with_settings(
            &clock,
            TlsTransport::new(client(), a).as_protocol(),
            settings.clone(),
            TlsTransport::new(server(), b).as_protocol(),
            StreamSettings::default(),
        )
        .cut(cut);
        pair.run();
        assert_eq!(left.log(), ["made", "handshake", "switched"], "{cut}");
        let data = format!("data {much}");
        let expected = [
            "made",
            "handshake",
            &data,
            "read lost",
            "switched",
            "data in clear",
        ];
        assert!(received.log() == expected, "{cut}: {}", received.reason());
    }
}
