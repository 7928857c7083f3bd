//! What is said at one end is heard at the other, to the end, whichever end it is.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use retwist_reactor::testing::Side;

use super::stack::{KINDS, Kind, expected, stack};
use super::witness::{Witness, heard};
use crate::common::CUTS;

/// A request, closed on the writing side; an answer that comes after it, of several writes; a
/// close. All of it, at any cut, in order.
fn converse(kinds: &[Kind], cut: usize) {
    let request: Vec<u8> = (0..10_000_u32).map(|byte| byte as u8).collect();
    let sent = request.clone();
    let client = Witness::new().begin(move |transport| {
        transport.write(&sent[..10]);
        transport.write(&sent[10..]);
        transport.lose_write_connection();
    });
    let mut server = Witness::new();
    let received = server.received.clone();
    server.answer = Box::new(|transport, data| transport.write(data));
    server.end = |transport| {
        transport.write(b"bye");
        transport.lose_connection();
    };
    let (client_log, server_log) = (client.log.clone(), server.log.clone());
    let answered = client.received.clone();
    let pair = stack(kinds, client.into(), server.into()).cut(cut);
    pair.advance(Duration::from_secs(60));
    assert!(*received.borrow() == request, "{kinds:?}: the request");
    let answer = [&request[..], b"bye"].concat();
    assert!(
        *answered.borrow() == answer,
        "{kinds:?}: {} bytes came back",
        answered.borrow().len()
    );
    let lost = "lost: connection closed cleanly";
    assert_eq!(
        heard(&server_log),
        expected(kinds, Side::Server, &["end of input after 10000", lost]),
        "{kinds:?}"
    );
    assert_eq!(
        heard(&client_log),
        expected(
            kinds,
            Side::Client,
            &["end of output", "end of input after 10003", lost]
        ),
        "{kinds:?}"
    );
    assert_eq!(
        pair.clock().pending_calls(),
        0,
        "{kinds:?}: a timer is left"
    );
}

#[test]
fn a_conversation_passes_through_each_layer_at_any_cut() {
    for kind in KINDS {
        for cut in CUTS {
            converse(&[kind], cut);
        }
    }
    converse(&[], 7);
}

fn any_stack() -> impl Strategy<Value = Vec<Kind>> {
    vec(prop::sample::select(KINDS.to_vec()), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn layers_stack_in_any_order(kinds in any_stack(), cut in prop::sample::select(CUTS.to_vec())) {
        converse(&kinds, cut);
    }
}

#[test]
fn a_reset_comes_through_with_its_reason() {
    for kind in KINDS {
        let server = Witness::new();
        let log = server.log.clone();
        let client = Witness::new().begin(|transport| transport.write(&[1; 1000]));
        let pair = stack(&[kind], client.into(), server.into()).reset_after(Side::Client, 500);
        pair.advance(Duration::from_secs(1));
        assert_eq!(
            heard(&log),
            expected(&[kind], Side::Server, &["lost: connection lost"]),
            "{kind:?}"
        );
        assert_eq!(pair.clock().pending_calls(), 0, "{kind:?}: a timer is left");
    }
}

#[test]
fn an_abort_is_one() {
    for kind in KINDS {
        let server = Witness::new().answer(|transport, _| {
            transport.write(b"never sent");
            transport.abort_connection();
        });
        let log = server.log.clone();
        let client = Witness::new().begin(|transport| transport.write(b"x"));
        let received = client.received.clone();
        let pair = stack(&[kind], client.into(), server.into());
        pair.advance(Duration::from_secs(1));
        let lost = "lost: connection aborted by this side";
        assert_eq!(
            heard(&log),
            expected(&[kind], Side::Server, &[lost]),
            "{kind:?}"
        );
        assert!(received.borrow().is_empty(), "{kind:?}");
    }
}
