//! Pauses: nothing comes to a protocol that does not read, and TLS reads what it needs all the
//! same.

use retwist_reactor::Layer;
use retwist_reactor::testing::Pair;
use retwist_tls::{TlsTransport, start_tls};

use crate::common::{CUTS, Heard, Other, client, echo, old_client, quiet, server, tape};
use crate::starting::CallNow;

#[test]
fn nothing_more_comes_not_even_from_the_same_batch() {
    for resume_in_the_callback in [false, true] {
        let (b, notes) = tape(move |heard, transport| {
            if let Heard::Data(_) = heard {
                transport.pause_producing();
                if resume_in_the_callback {
                    transport.resume_producing();
                }
            }
        });
        let other = Other::client();
        let pair = Pair::new(&other, TlsTransport::new(server(), b).as_protocol());
        pair.run();
        other.call_now(|other| {
            for word in [&b"one "[..], b"two ", b"three "] {
                other.write(word);
            }
        });
        pair.run();
        if resume_in_the_callback {
            assert_eq!(notes.log()[2..], ["data one two three "]);
            continue;
        }
        for expected in ["data one ", "data one two ", "data one two three "] {
            assert_eq!(notes.log()[2..], [expected]);
            notes.transport().resume_producing();
            pair.run();
        }
    }
}

#[test]
fn a_pause_in_connection_made_holds_after_the_handshake() {
    for cut in CUTS {
        let (b, notes) = tape(|heard, transport| {
            if heard == Heard::Made {
                transport.pause_producing();
            }
        });
        let other = Other::client();
        let pair = Pair::new(&other, TlsTransport::new(server(), b).as_protocol()).cut(cut);
        other.call_now(|_| ());
        pair.run();
        other.call_now(|other| other.write(b"data"));
        pair.run();
        assert_eq!(notes.log(), ["made", "handshake"], "{cut}");
        notes.transport().resume_producing();
        pair.run();
        assert_eq!(notes.log(), ["made", "handshake", "data data"], "{cut}");
    }
}

/// With TLS 1.2 it is the server that ends the handshake, in several records, which a protocol that
/// pauses at once holds back no more than others.
#[test]
fn a_pause_in_connection_made_holds_back_nothing_of_the_handshake() {
    for cut in CUTS {
        let (a, a_notes) = quiet();
        let (b, b_notes) = tape(|heard, transport| {
            if heard == Heard::Made {
                transport.pause_producing();
            }
        });
        let a = TlsTransport::new(old_client(), a);
        let b = TlsTransport::new(server(), b);
        let pair = Pair::new(a.as_protocol(), b.as_protocol()).cut(cut);
        pair.run();
        assert_eq!(a_notes.log(), ["made", "handshake"], "{cut}");
        assert_eq!(b_notes.log(), ["made", "handshake"], "{cut}");
    }
}

#[test]
fn a_handshake_waits_for_nobodys_pause() {
    for cut in CUTS {
        let (a, a_notes) = tape(|heard, transport| {
            if heard == Heard::Made {
                start_tls(transport, client()).unwrap().pause_producing();
            }
        });
        let (b, _) = tape(|heard, transport| match heard {
            Heard::Made => drop(start_tls(transport, server()).unwrap()),
            Heard::Handshake => transport.write(b"welcome"),
            _ => {}
        });
        let pair = Pair::new(a, b).cut(cut);
        pair.run();
        assert_eq!(a_notes.log(), ["made", "switched", "handshake"], "{cut}");
        a_notes.transport().resume_producing();
        pair.run();
        assert_eq!(a_notes.log()[3..], ["data welcome"], "{cut}");
    }
}

#[test]
fn a_paused_protocol_may_write_and_holds_its_peer_back() {
    let (b, notes) = tape(|heard, transport| {
        if heard == Heard::Handshake {
            transport.pause_producing();
        }
    });
    let (a, a_notes) = echo();
    let pair = Pair::new(
        TlsTransport::new(client(), a).as_protocol(),
        TlsTransport::new(server(), b).as_protocol(),
    );
    pair.run();
    let big = vec![b'x'; 1 << 20];
    a_notes.transport().write(&big);
    pair.run();
    assert!(
        a_notes.transport().buffered() > 1 << 19,
        "the window is full"
    );
    notes.transport().write(b"meanwhile");
    pair.run();
    assert_eq!(a_notes.log()[2..], ["data meanwhile"]);
    notes.transport().resume_producing();
    pair.run();
    assert_eq!(
        notes.log()[2].len(),
        "data ".len() + big.len() + "meanwhile".len()
    );
    assert_eq!(a_notes.transport().buffered(), 0);
}

#[test]
fn in_tls_in_tls_a_pause_stops_both() {
    for cut in CUTS {
        let (inner, notes) = tape(|heard, transport| {
            if let Heard::Data(_) = heard {
                transport.pause_producing();
            }
        });
        let nested = TlsTransport::new(server(), TlsTransport::new(server(), inner).as_protocol())
            .as_protocol();
        let (a, a_notes) = quiet();
        let dialled =
            TlsTransport::new(client(), TlsTransport::new(client(), a).as_protocol()).as_protocol();
        let pair = Pair::new(dialled, nested).cut(cut);
        pair.run();
        let word = [b'w'; 20_000];
        for _ in 0..3 {
            a_notes.transport().write(&word);
        }
        pair.run();
        assert_eq!(notes.log()[..2], ["made", "handshake"]);
        let first = notes.log()[2].len();
        assert!(first < 40_000, "{cut} {first}");
        while notes.log()[2].len() < 60_005 {
            let before = notes.log()[2].len();
            notes.transport().resume_producing();
            pair.run();
            assert!(notes.log()[2].len() > before, "{cut}");
        }
        assert_eq!(notes.log()[2].len(), 60_005);
    }
}
