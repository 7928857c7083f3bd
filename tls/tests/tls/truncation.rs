//! An end without close_notify while a producer still writes.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::testing::Pair;
use retwist_reactor::{Layer, Producer, ProducerKind, ProtocolHandle};
use retwist_tls::TlsTransport;

use crate::common::{Heard, Notes, Other, server, tape};
use crate::producers::{KINDS, Source};
use crate::starting::CallNow;

/// A transfer that a producer has begun, to a peer that has stopped reading.
struct Begun {
    pair: Pair,
    peer: ProtocolHandle<Other>,
    source: Rc<Source>,
    notes: Rc<Notes>,
}

fn begun(kind: ProducerKind) -> Begun {
    let source = Rc::<RefCell<Option<Rc<Source>>>>::default();
    let kept = source.clone();
    let (b, notes) = tape(move |heard, transport| {
        if let Heard::Data(_) = heard {
            let source = Source::register(transport, kind, 1_000_000);
            *kept.borrow_mut() = Some(source);
        }
    });
    let peer = Other::client();
    let pair = Pair::new(&peer, TlsTransport::new(server(), b).as_protocol()).window(50_000);
    pair.run();
    peer.call_now(|peer| {
        peer.write(b"go");
        peer.wire().pause_producing();
    });
    pair.run();
    let source = source.take().unwrap();
    source.resume_producing();
    pair.run();
    assert!(!notes.log().is_empty() && source.left.get() > 0);
    Begun {
        pair,
        peer,
        source,
        notes,
    }
}

/// The peer has gone without close_notify: nothing that the producer has left can arrive, and the
/// protocol hears of it at once.
#[test]
fn a_truncated_connection_waits_for_no_producer() {
    for kind in KINDS {
        let Begun {
            pair,
            peer,
            source,
            notes,
        } = begun(kind);
        peer.call_now(|peer| peer.wire().lose_connection());
        pair.run();
        assert!(source.stopped.get(), "{kind:?}");
        assert!(
            notes.reason().contains("without close_notify"),
            "{kind:?} {:?}",
            notes.log()
        );
        assert_eq!(pair.clock().pending_calls(), 0);
    }
}

/// The peer ends its side without close_notify in the middle of what a producer writes. It may still
/// read, and must not take what has come for all of it.
#[test]
fn what_a_producer_has_begun_does_not_look_whole_to_a_truncated_peer() {
    for kind in KINDS {
        let Begun {
            pair, peer, notes, ..
        } = begun(kind);
        peer.call_now(|peer| {
            peer.wire().lose_write_connection();
            peer.wire().resume_producing();
        });
        pair.run();
        pair.advance(Duration::from_secs(60));
        assert!(
            notes.reason().contains("without close_notify"),
            "{kind:?}: {}",
            notes.reason()
        );
        peer.call_now(|peer| {
            assert!(!peer.closed, "{kind:?}: the end looks orderly");
            assert!(peer.lost.as_ref().is_some_and(|reason| !reason.is_clean()));
        });
    }
}
