//! Producers: held back during the handshake, waited for by a close, told when it is over.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::testing::Pair;
use retwist_reactor::{Layer, Producer, ProducerKind, TransportRef};
use retwist_tls::{TlsTransport, start_tls, stop_tls};

use crate::common::{CUTS, Heard, Other, client, quiet, server, tape};
use crate::starting::CallNow;

/// Writes a piece whenever it may, until it has written all.
pub(crate) struct Source {
    pub(crate) transport: RefCell<TransportRef>,
    pub(crate) kind: ProducerKind,
    pub(crate) left: Cell<usize>,
    pub(crate) running: Cell<bool>,
    pub(crate) stopped: Cell<bool>,
    pub(crate) log: RefCell<Vec<&'static str>>,
}

const PIECE: usize = 10_000;

impl Source {
    pub(crate) fn register(
        transport: &TransportRef,
        kind: ProducerKind,
        pieces: usize,
    ) -> Rc<Self> {
        let source = Rc::new(Source {
            transport: RefCell::new(transport.clone()),
            kind,
            left: Cell::new(pieces),
            running: Cell::new(false),
            stopped: Cell::new(false),
            log: RefCell::default(),
        });
        transport.register_producer(source.clone(), kind).unwrap();
        source
    }

    pub(crate) fn produce(&self) {
        let transport = self.transport.borrow().clone();
        while self.running.get() && self.left.get() > 0 {
            self.left.set(self.left.get() - 1);
            transport.write(&[b'p'; PIECE]);
            if self.kind == ProducerKind::Pull {
                break;
            }
        }
        if self.left.get() == 0 {
            self.running.set(false);
            transport.unregister_producer();
        }
    }
}

impl Producer for Source {
    fn resume_producing(&self) {
        self.log.borrow_mut().push("resume");
        self.running.set(true);
        self.produce();
    }

    fn pause_producing(&self) {
        self.log.borrow_mut().push("pause");
        self.running.set(false);
    }

    fn stop_producing(&self) {
        self.log.borrow_mut().push("stop");
        self.running.set(false);
        self.stopped.set(true);
    }

    /// It starts by itself, so it has more to write even while nothing pauses it.
    fn has_finished(&self) -> Option<bool> {
        Some(self.left.get() == 0)
    }
}

pub(crate) const KINDS: [ProducerKind; 2] = [ProducerKind::Push, ProducerKind::Pull];

/// What TLS was put under before, with or without a producer there already.
#[test]
fn registered_before_or_after_tls_it_waits_for_the_handshake() {
    for (kind, before) in KINDS
        .into_iter()
        .flat_map(|kind| [(kind, true), (kind, false)])
    {
        let source = Rc::<RefCell<Option<Rc<Source>>>>::default();
        let kept = source.clone();
        let (a, _) = tape(move |heard, transport| {
            if heard == Heard::Made {
                let source = before.then(|| Source::register(transport, kind, 50));
                let tls = start_tls(transport, client()).unwrap();
                let source = source.unwrap_or_else(|| Source::register(&tls, kind, 50));
                *source.transport.borrow_mut() = tls.clone();
                assert!(tls.register_producer(source.clone(), kind).is_err());
                *kept.borrow_mut() = Some(source);
            }
        });
        let (b, notes) = tape(|heard, transport| {
            if heard == Heard::Made {
                transport.pause_producing();
            }
        });
        let pair = Pair::new(a, b);
        pair.run();
        let source = source.take().unwrap();
        assert_eq!(
            source.left.get(),
            50,
            "{kind:?} {before}: nothing is written before the handshake"
        );
        let expected = if kind == ProducerKind::Push {
            vec!["pause"]
        } else {
            vec![]
        };
        assert_eq!(*source.log.borrow(), expected);
        // The other side answers only now.
        let tls = start_tls(&notes.transport(), server()).unwrap();
        tls.resume_producing();
        pair.run();
        assert_eq!(source.left.get(), 0, "{kind:?} {before}");
        let log = notes.log();
        assert_eq!(
            log.len(),
            4,
            "{kind:?} {before} {log:?} {:?}",
            source.log.borrow()
        );
        assert_eq!(log[3].len(), "data ".len() + 50 * PIECE);
    }
}

#[test]
fn a_close_waits_for_it_and_loses_nothing() {
    for kind in KINDS {
        for half in [false, true] {
            for cut in [64, 1000, usize::MAX] {
                let (a, a_notes) = tape(move |heard, transport| {
                    if heard == Heard::Handshake {
                        let source = Source::register(transport, kind, 30);
                        if half {
                            transport.lose_write_connection()
                        } else {
                            transport.lose_connection()
                        }
                        if kind == ProducerKind::Push {
                            // A push producer starts by itself, whenever.
                            transport
                                .clock()
                                .call_soon(move || source.resume_producing());
                        }
                    }
                });
                let (b, notes) = quiet();
                let pair = Pair::new(
                    TlsTransport::new(client(), a).as_protocol(),
                    TlsTransport::new(server(), b).as_protocol(),
                )
                .cut(cut);
                pair.run();
                let log = notes.log();
                assert_eq!(
                    log[2].len(),
                    "data ".len() + 30 * PIECE,
                    "{kind:?} {half} {cut}"
                );
                assert_eq!(
                    log[3..],
                    ["read lost", "lost: connection closed cleanly"],
                    "{kind:?} {half} {cut}"
                );
                let last = a_notes.log().last().cloned().unwrap();
                assert_eq!(
                    last, "lost: connection closed cleanly",
                    "{kind:?} {half} {cut}"
                );
            }
        }
    }
}

#[test]
fn one_that_never_finishes_keeps_the_connection_for_a_limited_time() {
    for kind in KINDS {
        let (a, a_notes) = tape(move |heard, transport| {
            if heard == Heard::Handshake {
                transport.register_producer(Rc::new(Idle), kind).unwrap();
                transport.lose_connection();
            }
        });
        let other = Other::server();
        let pair = Pair::new(TlsTransport::new(client(), a).as_protocol(), &other);
        pair.advance(Duration::from_secs(600));
        assert!(
            a_notes.log().last().unwrap().starts_with("lost: "),
            "{:?}",
            a_notes.log()
        );
        assert_eq!(pair.clock().pending_calls(), 0);
    }
}

/// A producer belongs to its protocol from its registration to its end, however much of TLS ends meanwhile.
#[test]
fn it_can_be_unregistered_whatever_has_been_closed_before() {
    for leaves in [true, false] {
        let (a, a_notes) = quiet();
        let (b, _) = quiet();
        let pair = Pair::new(
            TlsTransport::new(client(), a).as_protocol(),
            TlsTransport::new(server(), b).as_protocol(),
        );
        pair.run();
        let transport = a_notes.transport();
        // Its protocol waits for nothing: an idle producer holds up no one who leaves.
        if leaves {
            let idle = Rc::new(Idle);
            transport
                .register_producer(idle, ProducerKind::Push)
                .unwrap();
            stop_tls(&transport).unwrap();
        } else {
            transport.lose_write_connection();
            // Written already, and not yet handed over: a producer that is registered below is not its protocol's.
            pair.clock().turn();
            assert!(!transport.has_producer());
            let idle = Rc::new(Idle);
            transport
                .register_producer(idle, ProducerKind::Push)
                .unwrap();
        }
        pair.clock().turn();
        assert!(transport.has_producer(), "leaves: {leaves}");
        assert!(
            transport.unregister_producer().is_some(),
            "leaves: {leaves}"
        );
        assert!(!transport.has_producer(), "leaves: {leaves}");
    }
}

#[test]
fn one_that_is_registered_while_tls_is_left_stays_registered() {
    let (a, a_notes) = quiet();
    let (b, _) = quiet();
    let pair = Pair::new(
        TlsTransport::new(client(), a).as_protocol(),
        TlsTransport::new(server(), b).as_protocol(),
    );
    pair.run();
    let transport = a_notes.transport();
    let idle = Rc::new(Idle);
    transport
        .register_producer(idle, ProducerKind::Push)
        .unwrap();
    transport.lose_write_connection();
    stop_tls(&transport).unwrap();
    // What was written is on its way, and the peer has not answered yet.
    pair.clock().turn();
    assert!(transport.has_producer());
    assert!(transport.unregister_producer().is_some());
}

#[test]
fn after_a_half_close_and_tls_no_further_producer_is_registered() {
    let (a, a_notes) = quiet();
    let (b, b_notes) = tape(|heard, transport| {
        if heard == Heard::ReadLost {
            stop_tls(transport).unwrap();
        }
    });
    let pair = Pair::new(
        TlsTransport::new(client(), a).as_protocol(),
        TlsTransport::new(server(), b).as_protocol(),
    );
    pair.run();
    let transport = a_notes.transport();
    transport.lose_write_connection();
    stop_tls(&transport).unwrap();
    pair.run();
    let log = a_notes.log();
    let (told, left) = (
        log.iter().position(|note| note == "write lost"),
        log.iter().position(|note| note == "switched"),
    );
    assert!(told.is_some() && told < left, "{log:?}");
    assert!(TlsTransport::of(&b_notes.transport()).is_none());
    let transport = a_notes.transport();
    let idle = Rc::new(Idle);
    assert!(
        transport
            .register_producer(idle, ProducerKind::Push)
            .is_ok()
    );
}

struct Idle;

impl Producer for Idle {
    fn resume_producing(&self) {}
    fn pause_producing(&self) {}
    fn stop_producing(&self) {}
}

#[test]
fn it_is_paused_while_the_peer_does_not_read() {
    let (a, a_notes) = quiet();
    let (b, b_notes) = quiet();
    let pair = Pair::new(
        TlsTransport::new(client(), a).as_protocol(),
        TlsTransport::new(server(), b).as_protocol(),
    );
    pair.run();
    b_notes.transport().pause_producing();
    let source = Source::register(&a_notes.transport(), ProducerKind::Push, 1000);
    source.resume_producing();
    pair.run();
    assert!(
        !source.running.get() && source.left.get() > 900,
        "{}",
        source.left.get()
    );
    assert!(a_notes.transport().buffered() < 1 << 19);
    b_notes.transport().resume_producing();
    pair.run();
    assert_eq!(source.left.get(), 0);
    assert_eq!(b_notes.log()[2].len(), "data ".len() + 1000 * PIECE);
    let log = source.log.borrow();
    assert!(
        log.windows(2).all(|pair| pair[0] != pair[1]),
        "pauses and resumes alternate: {log:?}"
    );
}

#[test]
fn it_is_stopped_when_the_connection_fails_or_ends() {
    for fault in ["forged", "aborted", "handshake", "gone"] {
        let (a, notes) = tape(move |heard, transport| {
            if heard == Heard::Made && fault == "handshake" {
                start_tls(transport, server()).unwrap();
            }
        });
        let other = Other::client();
        let pair = match fault {
            "handshake" => Pair::new(quiet().0, a),
            _ => Pair::new(&other, TlsTransport::new(server(), a).as_protocol()),
        };
        pair.run();
        let transport = notes.transport();
        let source = Source::register(&transport, ProducerKind::Push, 10);
        match fault {
            "forged" => other.call_now(|other| {
                other
                    .wire()
                    .write(b"\x17\x03\x03\x00\x14no such record, no!!")
            }),
            "aborted" => transport.abort_connection(),
            "handshake" => pair.client().write(b"no hello"),
            _ => other.call_now(|other| other.wire().abort_connection()),
        }
        pair.run();
        assert!(source.stopped.get(), "{fault}");
        let late = Rc::new(Source {
            transport: RefCell::new(transport.clone()),
            kind: ProducerKind::Pull,
            left: Cell::new(1),
            running: Cell::new(false),
            stopped: Cell::new(false),
            log: RefCell::default(),
        });
        transport
            .register_producer(late.clone(), ProducerKind::Pull)
            .unwrap();
        pair.run();
        assert!(
            late.stopped.get(),
            "{fault}: one that comes late is told at once"
        );
    }
}

#[test]
fn it_goes_on_in_clear_when_tls_is_left() {
    for kind in KINDS {
        let (b, notes) = tape(|heard, transport| {
            if heard == Heard::ReadLost {
                stop_tls(transport).unwrap();
            }
        });
        notes.stays.set(true);
        let other = Other::client();
        let pair = Pair::new(&other, TlsTransport::new(server(), b).as_protocol());
        pair.run();
        let source = Source::register(&notes.transport(), kind, 0);
        source.left.set(3);
        other.call_now(Other::close_notify);
        pair.run();
        let below = notes.transport();
        assert!(TlsTransport::of(&below).is_none());
        assert!(below.has_producer() || source.left.get() == 0);
    }
}

#[test]
fn registering_twice_is_an_error_and_unregistering_twice_is_nothing() {
    for cut in CUTS {
        let (a, notes) = quiet();
        let pair = Pair::new(
            TlsTransport::new(client(), a).as_protocol(),
            TlsTransport::new(server(), quiet().0).as_protocol(),
        )
        .cut(cut);
        pair.run();
        let transport = notes.transport();
        Source::register(&transport, ProducerKind::Push, 1);
        assert!(transport.has_producer());
        assert!(
            transport
                .register_producer(Rc::new(Idle), ProducerKind::Push)
                .is_err()
        );
        transport.unregister_producer();
        transport.unregister_producer();
        assert!(!transport.has_producer());
        Source::register(&transport, ProducerKind::Pull, 1);
    }
}
