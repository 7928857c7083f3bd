//! A producer writes more than fits at once: it is held back, and waited for.

use std::cell::Cell;
use std::rc::Rc;

use retwist_reactor::{Producer, ProducerKind, ProducerRegistered, Reason, TransportRef};

use crate::streams::{Ability, Event, How, Kind, Peer, PeerProducer, Told, World, pattern};

/// Two sides that are connected, the first of which does not read yet.
pub(super) fn connected(kind: Kind, how: How) -> (World, Peer, TransportRef, Peer) {
    let (reader, writer) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&reader, reader.quiet()),
        (&writer, writer.quiet()),
    );
    let transport = writer.transport();
    (world, reader, transport, writer)
}

pub(crate) fn a_push_producer_is_paused_when_much_waits_and_resumed_when_nothing_does(
    kind: Kind,
    how: How,
) {
    let (world, reader, transport, _) = connected(kind, how);
    reader.transport().pause_producing();
    let producer = PeerProducer::quiet();
    transport
        .register_producer(producer.clone(), ProducerKind::Push)
        .unwrap();
    let mut written = 0;
    while !producer.is_paused() {
        transport.write(&pattern(10_000));
        written += 10_000;
        assert!(written < 3 * kind.much(), "never paused");
    }
    world.comes_to_rest();
    reader.transport().resume_producing();
    world.until(|| producer.told() == [Told::Pause, Told::Resume]);
    world.until(|| reader.count() == written);
    transport.unregister_producer();
}

pub(crate) fn a_push_producer_is_paused_once_until_it_is_resumed(kind: Kind, how: How) {
    let (world, reader, transport, _) = connected(kind, how);
    reader.transport().pause_producing();
    let writes = transport.clone();
    let producer = PeerProducer::new(move |told| {
        if told == Told::Pause {
            writes.write(b"a last word from inside the pause");
        }
    });
    transport
        .register_producer(producer.clone(), ProducerKind::Push)
        .unwrap();
    for _ in 0..100 {
        transport.write(&pattern(kind.much() / 100));
    }
    world.settle();
    assert_eq!(producer.told(), [Told::Pause]);
    reader.transport().resume_producing();
    world.until(|| reader.count() == kind.much() + 33);
    transport.unregister_producer();
}

pub(crate) fn a_pull_producer_is_asked_each_time_that_nothing_waits(kind: Kind, how: How) {
    let (world, reader, transport, _) = connected(kind, how);
    let producer = PeerProducer::pulled(&transport, 20);
    transport
        .register_producer(producer.clone(), ProducerKind::Pull)
        .unwrap();
    assert_eq!(
        producer.told(),
        [],
        "called from inside a transport's method"
    );
    world.until(|| reader.count() == 20_000);
    assert_eq!(producer.told(), [Told::Resume; 20]);
}

pub(crate) fn a_pull_producer_that_has_nothing_yet_is_left_alone(kind: Kind, how: How) {
    let (world, reader, transport, _) = connected(kind, how);
    let producer = PeerProducer::quiet();
    transport
        .register_producer(producer.clone(), ProducerKind::Pull)
        .unwrap();
    world.comes_to_rest();
    assert_eq!(producer.told(), [Told::Resume]);
    transport.write(b"found something");
    world.until(|| producer.told().len() == 2 && reader.count() == 15);
    transport.unregister_producer();
}

pub(crate) fn a_second_producer_is_refused(kind: Kind, how: How) {
    let (_world, _reader, transport, _) = connected(kind, how);
    let (first, second) = (PeerProducer::quiet(), PeerProducer::quiet());
    transport
        .register_producer(first, ProducerKind::Push)
        .unwrap();
    let refused = transport.register_producer(second.clone(), ProducerKind::Push);
    assert_eq!(refused, Err(ProducerRegistered));
    assert_eq!(second.told(), []);
    transport.unregister_producer();
    transport
        .register_producer(second, ProducerKind::Push)
        .unwrap();
    assert!(transport.has_producer());
    transport.unregister_producer();
    transport.unregister_producer();
    assert!(!transport.has_producer());
}

pub(crate) fn a_producer_may_do_anything_when_it_is_asked_whether_it_has_finished(
    kind: Kind,
    how: How,
) {
    let acts: [fn(&TransportRef); 5] = [
        |transport| transport.write(b"more"),
        |transport| {
            transport.unregister_producer();
        },
        |transport| transport.lose_connection(),
        |transport| transport.abort_connection(),
        |transport| {
            transport.unregister_producer();
            let next = PeerProducer::answering(|_| (), || Some(true));
            let _ = transport.register_producer(next, ProducerKind::Push);
        },
    ];
    for act in acts {
        let (world, _reader, transport, _) = connected(kind, how.clone());
        let (inside, asked) = (transport.clone(), Cell::new(0));
        let answer = move || {
            asked.set(asked.get() + 1);
            if asked.get() <= 2 {
                act(&inside);
            }
            Some(asked.get() > 2)
        };
        let producer = PeerProducer::answering(|_| (), answer);
        transport
            .register_producer(producer, ProducerKind::Pull)
            .unwrap();
        transport.lose_connection();
        // Something to go on for, should it hold the close.
        world.settle();
        transport.write(b"and on");
        world.settle();
        transport.write(b"and on");
        world.until_over();
    }
}

pub(crate) fn a_panic_of_a_producer_costs_its_connection(kind: Kind, how: How) {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum In {
        Pause,
        Resume,
        HasFinished,
        Stop,
        Drop,
    }
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in the drop of a producer");
        }
    }
    for when in [In::Pause, In::Resume, In::HasFinished, In::Stop, In::Drop] {
        let (mut world, reader, transport, writer) = connected(kind, how.clone());
        let (one, other) = (Peer::new(), Peer::new());
        world.connect((&one, one.quiet()), (&other, other.echoing()));
        world.until(|| one.is_made() && other.is_made());
        let bomb = (when == In::Drop).then(|| Bomb);
        let reaction = move |told| {
            let _kept = &bomb;
            match told {
                Told::Pause if when == In::Pause => panic!("in pause_producing"),
                Told::Resume if when == In::Resume => panic!("in resume_producing"),
                Told::Stop if when == In::Stop => panic!("in stop_producing"),
                _ => {}
            }
        };
        let answer = move || match when {
            In::HasFinished => panic!("in has_finished"),
            _ => Some(false),
        };
        let asked = match when {
            In::Resume => ProducerKind::Pull,
            _ => ProducerKind::Push,
        };
        let producer = PeerProducer::answering(reaction, answer);
        transport.register_producer(producer, asked).unwrap();
        match when {
            In::Pause => {
                reader.transport().pause_producing();
                transport.write(&pattern(kind.much()));
            }
            In::Resume => {}
            In::HasFinished => transport.lose_connection(),
            In::Stop | In::Drop => reader.transport().abort_connection(),
        }
        world.until(|| writer.is_over());
        let reason = writer.reason();
        let is_panic = matches!(&reason, Reason::Panicked(_) | Reason::Aborted);
        assert!(is_panic || matches!(when, In::Stop | In::Drop), "{reason}");
        one.transport().write(b"still there");
        world.until(|| one.count() == 11);
    }
}

pub(crate) fn the_producer_of_a_lost_connection_is_told_to_stop(kind: Kind, how: How) {
    for asked in [ProducerKind::Push, ProducerKind::Pull] {
        let (world, reader, transport, writer) = connected(kind, how.clone());
        let myself = writer.clone();
        let producer = PeerProducer::new(move |told| {
            if told == Told::Stop {
                assert!(!myself.is_over(), "its connection_lost came first");
            }
        });
        transport
            .register_producer(producer.clone(), asked)
            .unwrap();
        world.settle();
        reader.transport().abort_connection();
        world.until_over();
        assert_eq!(producer.told().last(), Some(&Told::Stop));
        assert!(!transport.has_producer());
    }
}

pub(crate) fn a_producer_on_a_connection_that_has_gone_is_told_to_stop(kind: Kind, how: How) {
    let (world, reader, transport, _) = connected(kind, how);
    reader.transport().abort_connection();
    world.until_over();
    let producer = PeerProducer::quiet();
    transport
        .register_producer(producer.clone(), ProducerKind::Push)
        .unwrap();
    assert_eq!(producer.told(), [Told::Stop]);
}

pub(crate) fn a_producer_that_has_unregistered_hears_nothing_more(kind: Kind, how: How) {
    let (world, reader, transport, _) = connected(kind, how);
    let producer = PeerProducer::quiet();
    transport
        .register_producer(producer.clone(), ProducerKind::Pull)
        .unwrap();
    transport.unregister_producer();
    transport.write(b"hello");
    world.until(|| reader.count() == 5);
    transport.abort_connection();
    world.until_over();
    assert_eq!(producer.told(), []);
}

pub(crate) fn a_producer_is_dropped_with_its_connection(kind: Kind, how: How) {
    let (world, reader, transport, _) = connected(kind, how);
    let producer = PeerProducer::quiet();
    transport
        .register_producer(producer.clone(), ProducerKind::Push)
        .unwrap();
    reader.transport().abort_connection();
    world.until_over();
    assert_eq!(Rc::strong_count(&producer), 1);
}

pub(crate) fn a_producer_may_do_anything_when_it_is_told_to_stop(kind: Kind, how: How) {
    let (world, reader, transport, writer) = connected(kind, how);
    let (next, inside) = (PeerProducer::quiet(), transport.clone());
    let follower = next.clone();
    let producer = PeerProducer::new(move |told| {
        if told == Told::Stop {
            inside.write(b"unheard");
            inside.unregister_producer();
            inside.lose_connection();
            inside.abort_connection();
            let _ = inside.register_producer(follower.clone(), ProducerKind::Push);
        }
    });
    transport
        .register_producer(producer.clone(), ProducerKind::Push)
        .unwrap();
    reader.transport().abort_connection();
    world.until_over();
    assert_eq!(producer.told(), [Told::Stop]);
    assert_eq!(next.told(), [Told::Stop]);
    let story = writer.story();
    if kind.can(Ability::ShowBreak) {
        assert_eq!(story, "made lost");
    } else {
        // Where each half is a pipe of its own, that of the output may be seen to break first.
        assert_eq!(story.replace(" write-lost", ""), "made read-lost lost");
    }
}

pub(crate) fn two_transports_hold_each_other_back(kind: Kind, how: How) {
    // source -> (inlet outlet) -> sink: what the sink does not read, the source cannot send.
    let (source, inlet, outlet, sink) = (Peer::new(), Peer::new(), Peer::new(), Peer::new());
    let onward = outlet.clone();
    let relays = inlet.reacting(move |_, event| {
        if let Event::Data(data) = event {
            onward.transport().write(data);
        }
    });
    let mut world = World::connected(kind, how, (&sink, sink.quiet()), (&outlet, outlet.quiet()));
    world.connect((&source, source.quiet()), (&inlet, relays));
    world.until(|| source.is_made() && inlet.is_made());
    let producer: Rc<dyn Producer> = inlet.transport().as_producer();
    outlet
        .transport()
        .register_producer(producer, ProducerKind::Push)
        .unwrap();
    sink.transport().pause_producing();
    source.transport().write(&pattern(2 * kind.much()));
    world.comes_to_rest();
    assert!(
        source.transport().buffered() > 0,
        "the source was not held back"
    );
    assert!(
        outlet.transport().buffered() < kind.much() / 2,
        "the relay has kept it all"
    );
    sink.transport().resume_producing();
    world.until(|| sink.count() == 2 * kind.much());
    outlet.transport().unregister_producer();
}
