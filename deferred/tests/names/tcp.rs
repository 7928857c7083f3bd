//! Answers that are too long for a datagram.

use std::io;

use hickory_proto::op::Message;
use retwist_deferred::Failure;
use retwist_deferred::names::{DnsError, DnsSettings, RecordType, ServerError};
use retwist_reactor::ConnectError;
use retwist_reactor::testing::Side;

use crate::world::{
    ONE, SECOND, TIMEOUT, TWO, World, a, address, framed, now, reply, reply_with, settings, texts,
};

/// 200 addresses: 3.2 kB.
fn many(query: &Message) -> Message {
    let addresses = (0..200).map(|number| a("example.org", &format!("192.0.2.{number}")));
    reply_with(query, addresses.collect())
}

fn truncated(query: &Message) -> Message {
    let mut reply = reply_with(query, vec![a("example.org", "192.0.2.0")]);
    reply.metadata.truncation = true;
    reply
}

fn whole(query: &Message) -> Vec<u8> {
    framed(&many(query).to_vec().unwrap())
}

#[test]
fn what_is_truncated_is_asked_for_over_tcp_however_it_is_cut() {
    for cut in [1, 2, 3, 7, 64, 1000, usize::MAX] {
        let world = World::with(settings(&[ONE, TWO]));
        world.serve(ONE, truncated);
        world.serve_tcp(ONE, whole);
        let mut found = world.lookup("example.org", RecordType::A);
        let connecting = world.reactor.connecting();
        assert_eq!(connecting[0].options().requested_addr(), address(ONE));
        let pair = world.connect().unwrap().cut(cut);
        pair.run();
        let found = found.take().unwrap().unwrap();
        assert_eq!(texts(&found).len(), 200, "{cut}");
        pair.run();
        assert!(!pair.client().is_connected());
        world.assert_clean();
    }
}

/// The datagram that says so may itself be cut in the middle of a record.
#[test]
fn truncated_in_the_middle_of_a_record() {
    let world = World::new();
    world.serve_bytes(ONE, |query| {
        let mut bytes = truncated(query).to_vec().unwrap();
        bytes.truncate(bytes.len() - 5);
        vec![bytes]
    });
    world.serve_tcp(ONE, whole);
    let found = world.lookup("example.org", RecordType::A);
    world.connect().unwrap().run();
    assert_eq!(texts(&now(found).unwrap()).len(), 200);
}

#[test]
fn all_goes_over_tcp_if_it_is_wanted() {
    let world = World::with(DnsSettings {
        use_tcp: true,
        ..settings(&[ONE])
    });
    world.serve_tcp(ONE, whole);
    let found = world.lookup("example.org", RecordType::A);
    assert_eq!(world.asking(), 0);
    world.connect().unwrap().run();
    assert_eq!(texts(&now(found).unwrap()).len(), 200);
    world.assert_clean();
}

/// Messages that are not answers, of length 0 too, are passed over; the one behind them counts.
#[test]
fn other_messages_on_the_connection() {
    for cut in [1, 2, 3, 7, 64, 1000] {
        let world = World::new();
        world.serve(ONE, truncated);
        world.serve_tcp(ONE, |query| {
            let mut other = many(query);
            other.metadata.id ^= 1;
            let mut bytes = framed(&other.to_vec().unwrap());
            bytes.extend(framed(b""));
            bytes.extend(framed(b"x"));
            bytes.extend(whole(query));
            bytes.extend(b"and then noise");
            bytes
        });
        let found = world.lookup("example.org", RecordType::A);
        world.connect().unwrap().cut(cut).run();
        assert_eq!(texts(&now(found).unwrap()).len(), 200, "{cut}");
        world.assert_clean();
    }
}

#[test]
fn a_connection_that_cannot_be_made_or_ends_early_is_a_failure_of_the_server() {
    let world = World::with(settings(&[ONE, TWO]));
    world.serve(ONE, truncated);
    world.serve(TWO, many);
    let found = world.lookup("example.org", RecordType::A);
    let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
    world.reactor.connecting()[0].fail(ConnectError::ConnectionRefused(refused));
    world.run();
    assert_eq!(texts(&now(found).unwrap()).len(), 200);
    world.assert_clean();

    for bytes in [0, 1, 2, 3, 700, 3000] {
        let world = World::new();
        world.serve(ONE, truncated);
        world.serve_tcp(ONE, whole);
        let found = world.lookup("example.org", RecordType::A);
        let pair = world.connect().unwrap().close_after(Side::Server, bytes);
        pair.run();
        let failure = now(found).unwrap_err();
        let Failure::Error(DnsError::AllFailed(_, servers)) = &failure else {
            panic!("{failure}");
        };
        assert!(
            matches!(servers[0].1, ServerError::Closed),
            "{bytes}: {failure}"
        );
        world.assert_clean();
    }
}

#[test]
fn silence_and_garbage_on_the_connection() {
    let world = World::with(settings(&[ONE, TWO]));
    world.serve(ONE, truncated);
    world.serve_tcp(ONE, |_| Vec::new());
    let second = world.serve(TWO, many);
    let mut found = world.lookup("example.org", RecordType::A);
    let pair = world.connect().unwrap();
    pair.run();
    world.advance(TIMEOUT - SECOND);
    assert!(!found.is_called() && second.borrow().is_empty());
    world.advance(SECOND);
    assert!(found.take().unwrap().is_ok());
    pair.run();
    assert!(!pair.client().is_connected());
    world.assert_clean();

    for garbage in [
        |query: &Message| {
            let whole = many(query).to_vec().unwrap();
            framed(&whole[..1000])
        },
        |query: &Message| framed(&truncated(query).to_vec().unwrap()),
    ] {
        let world = World::new();
        world.serve(ONE, truncated);
        world.serve_tcp(ONE, garbage);
        let found = world.lookup("example.org", RecordType::A);
        let pair = world.connect().unwrap();
        pair.run();
        let failure = now(found).unwrap_err();
        assert!(failure.to_string().ends_with("cannot be read"), "{failure}");
        pair.run();
        world.assert_clean();
    }
}

#[test]
fn a_connection_that_is_not_made_in_time() {
    let world = World::with(settings(&[ONE, TWO]));
    world.serve(ONE, truncated);
    let second = world.serve(TWO, reply);
    let mut found = world.lookup("example.org", RecordType::A);
    world.advance(TIMEOUT);
    assert_eq!(second.borrow().len(), 1);
    assert!(found.take().unwrap().is_err());
    world.assert_clean();
}
