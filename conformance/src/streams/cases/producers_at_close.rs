//! What a close waits for: a producer that has more to write.

use retwist_reactor::ProducerKind;

use super::producers::connected;
use crate::streams::{How, Kind, PeerProducer, Told, pattern};

pub(crate) fn a_close_waits_for_a_pull_producer(kind: Kind, how: How) {
    let (world, reader, transport, writer) = connected(kind, how);
    let producer = PeerProducer::pulled(&transport, 5);
    transport
        .register_producer(producer, ProducerKind::Pull)
        .unwrap();
    transport.lose_connection();
    world.until_over();
    assert_eq!(reader.count(), 5_000);
    assert!(writer.reason().is_clean());
}

pub(crate) fn a_close_waits_for_a_push_producer_that_is_paused(kind: Kind, how: How) {
    let (world, reader, transport, writer) = connected(kind, how);
    reader.transport().pause_producing();
    let finishes = transport.clone();
    let producer = PeerProducer::new(move |told| {
        if told == Told::Resume {
            finishes.write(b"the end");
            finishes.unregister_producer();
        }
    });
    transport
        .register_producer(producer.clone(), ProducerKind::Push)
        .unwrap();
    transport.write(&pattern(kind.much()));
    assert!(producer.is_paused());
    transport.lose_connection();
    world.settle();
    reader.transport().resume_producing();
    world.until_over();
    assert_eq!(reader.count(), kind.much() + 7);
    assert_eq!(producer.told(), [Told::Pause, Told::Resume]);
    assert!(writer.reason().is_clean());
}

pub(crate) fn a_push_producer_that_is_not_paused_holds_no_close(kind: Kind, how: How) {
    let (world, reader, transport, writer) = connected(kind, how);
    let producer = PeerProducer::quiet();
    transport
        .register_producer(producer.clone(), ProducerKind::Push)
        .unwrap();
    transport.write(b"all that it had");
    transport.lose_connection();
    world.until_over();
    assert_eq!(reader.story(), "made 'all that it had' read-lost lost");
    assert_eq!(producer.told(), [Told::Stop]);
    assert!(writer.reason().is_clean(), "{}", writer.reason());
}

pub(crate) fn a_push_producer_that_says_it_has_more_holds_a_close(kind: Kind, how: How) {
    let (world, reader, transport, writer) = connected(kind, how);
    let producer = PeerProducer::answering(|_| (), || Some(false));
    transport
        .register_producer(producer.clone(), ProducerKind::Push)
        .unwrap();
    transport.write(b"first ");
    transport.lose_connection();
    world.comes_to_rest();
    assert!(!writer.is_over());
    transport.write(b"second");
    world.until(|| reader.count() == 12);
    transport.unregister_producer();
    transport.write(b"dropped");
    world.until_over();
    assert_eq!(reader.story(), "made 'first second' read-lost lost");
    assert_eq!(producer.told(), []);
    assert!(writer.reason().is_clean(), "{}", writer.reason());
}

pub(crate) fn a_push_producer_that_was_resumed_in_a_close_holds_it_until_it_has_written(
    kind: Kind,
    how: How,
) {
    let (world, reader, transport, writer) = connected(kind, how);
    reader.transport().pause_producing();
    let producer = PeerProducer::quiet();
    transport
        .register_producer(producer.clone(), ProducerKind::Push)
        .unwrap();
    transport.write(&pattern(kind.much()));
    assert!(producer.is_paused());
    transport.lose_connection();
    world.settle();
    reader.transport().resume_producing();
    world.until(|| producer.told() == [Told::Pause, Told::Resume]);
    world.until(|| reader.count() == kind.much());
    world.comes_to_rest();
    assert!(!writer.is_over());
    // What it was paused for comes late.
    transport.write(b"the rest");
    world.until_over();
    assert_eq!(reader.count(), kind.much() + 8);
    assert!(writer.reason().is_clean(), "{}", writer.reason());
}

pub(crate) fn a_producer_that_says_it_has_finished_holds_no_close(kind: Kind, how: How) {
    for asked in [ProducerKind::Push, ProducerKind::Pull] {
        let (world, reader, transport, writer) = connected(kind, how.clone());
        let producer = PeerProducer::answering(|_| (), || Some(true));
        transport
            .register_producer(producer.clone(), asked)
            .unwrap();
        transport.write(b"done");
        transport.lose_connection();
        world.until_over();
        assert_eq!(reader.count(), 4);
        assert!(writer.reason().is_clean(), "{}", writer.reason());
    }
}

pub(crate) fn an_end_of_input_under_a_producer_is_told_at_once(kind: Kind, how: How) {
    let (world, reader, transport, writer) = connected(kind, how);
    let producer = PeerProducer::quiet();
    transport
        .register_producer(producer.clone(), ProducerKind::Push)
        .unwrap();
    transport.write(b"a word");
    reader.transport().lose_connection();
    world.until_over();
    assert_eq!(writer.story(), "made read-lost lost");
    assert!(writer.reason().is_clean(), "{}", writer.reason());
    assert_eq!(producer.told(), [Told::Stop]);
}

pub(crate) fn a_half_close_waits_for_the_producer(kind: Kind, how: How) {
    let (world, reader, transport, writer) = connected(kind, how);
    let producer = PeerProducer::pulled(&transport, 5);
    transport
        .register_producer(producer, ProducerKind::Pull)
        .unwrap();
    transport.lose_write_connection();
    world.until(|| reader.story().ends_with("read-lost lost"));
    world.until_over();
    assert_eq!(reader.count(), 5_000);
    assert_eq!(writer.story(), "made write-lost read-lost lost");
}
