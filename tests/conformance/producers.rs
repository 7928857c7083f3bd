//! A producer writes more than fits at once: it is held back, and waited for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use retwist::{Producer, ProducerKind, ProducerRegistered, Reason, TransportRef};

use crate::delivery::pattern;
use crate::peer::{Event, Peer};
use crate::way::{How, Way};
use crate::world::World;

over_every_way! {
    a_push_producer_is_paused_when_much_waits_and_resumed_when_nothing_does,
    a_push_producer_is_paused_once_until_it_is_resumed,
    a_pull_producer_is_asked_each_time_that_nothing_waits,
    a_pull_producer_that_has_nothing_yet_is_left_alone,
    a_second_producer_is_refused,
    a_producer_may_do_anything_when_it_is_asked_whether_it_has_finished,
    a_panic_of_a_producer_costs_its_connection,
    the_producer_of_a_lost_connection_is_told_to_stop,
    a_producer_on_a_connection_that_has_gone_is_told_to_stop,
    a_producer_that_has_unregistered_hears_nothing_more,
    a_producer_is_dropped_with_its_connection,
    a_producer_may_do_anything_when_it_is_told_to_stop,
    two_transports_hold_each_other_back,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Resume,
    Pause,
    Stop,
}

type Reaction = Box<dyn Fn(Told)>;
type Answer = Box<dyn Fn() -> Option<bool>>;

/// A producer that remembers what it was told, and reacts.
pub struct Made {
    told: RefCell<Vec<Told>>,
    reaction: Reaction,
    finished: Answer,
}

impl Made {
    pub fn new(reaction: impl Fn(Told) + 'static) -> Rc<Self> {
        Made::answering(reaction, || None)
    }

    /// One that answers whether it has finished.
    pub fn answering(
        reaction: impl Fn(Told) + 'static,
        finished: impl Fn() -> Option<bool> + 'static,
    ) -> Rc<Self> {
        Rc::new(Made {
            told: RefCell::default(),
            reaction: Box::new(reaction),
            finished: Box::new(finished),
        })
    }

    pub fn quiet() -> Rc<Self> {
        Made::new(|_| ())
    }

    /// Writes `pieces` pieces, one for each time that it is asked, and is gone.
    pub fn pulled(transport: &TransportRef, pieces: usize) -> Rc<Self> {
        let (transport, left) = (transport.clone(), Cell::new(pieces));
        Made::new(move |told| {
            if told == Told::Resume {
                transport.write(&pattern(1_000));
                left.set(left.get() - 1);
                if left.get() == 0 {
                    transport.unregister_producer();
                }
            }
        })
    }

    pub fn told(&self) -> Vec<Told> {
        self.told.borrow().clone()
    }

    pub fn is_paused(&self) -> bool {
        self.told.borrow().last() == Some(&Told::Pause)
    }

    pub fn hear(&self, told: Told) {
        self.told.borrow_mut().push(told);
        (self.reaction)(told);
    }
}

impl Producer for Made {
    fn resume_producing(&self) {
        self.hear(Told::Resume);
    }

    fn pause_producing(&self) {
        self.hear(Told::Pause);
    }

    fn stop_producing(&self) {
        self.hear(Told::Stop);
    }

    fn has_finished(&self) -> Option<bool> {
        (self.finished)()
    }
}

/// Two who are connected, the first of whom does not read yet.
pub fn connected<W: Way>(how: How) -> (World<W>, Peer, TransportRef, Peer) {
    let (reader, writer) = (Peer::new(), Peer::new());
    let world = World::connected(how, (&reader, reader.quiet()), (&writer, writer.quiet()));
    let transport = writer.transport();
    (world, reader, transport, writer)
}

fn a_push_producer_is_paused_when_much_waits_and_resumed_when_nothing_does<W: Way>(how: How) {
    let (world, reader, transport, _) = connected::<W>(how);
    reader.transport().pause_producing();
    let producer = Made::quiet();
    transport
        .register_producer(producer.clone(), ProducerKind::Push)
        .unwrap();
    let mut written = 0;
    while !producer.is_paused() {
        transport.write(&pattern(10_000));
        written += 10_000;
        assert!(written < 3 * W::MUCH, "never paused");
    }
    world.comes_to_rest();
    reader.transport().resume_producing();
    world.until(|| producer.told() == [Told::Pause, Told::Resume]);
    world.until(|| reader.count() == written);
    transport.unregister_producer();
}

fn a_push_producer_is_paused_once_until_it_is_resumed<W: Way>(how: How) {
    let (world, reader, transport, _) = connected::<W>(how);
    reader.transport().pause_producing();
    let writes = transport.clone();
    let producer = Made::new(move |told| {
        if told == Told::Pause {
            writes.write(b"a last word from inside the pause");
        }
    });
    transport
        .register_producer(producer.clone(), ProducerKind::Push)
        .unwrap();
    for _ in 0..100 {
        transport.write(&pattern(W::MUCH / 100));
    }
    world.settle();
    assert_eq!(producer.told(), [Told::Pause]);
    reader.transport().resume_producing();
    world.until(|| reader.count() == W::MUCH + 33);
    transport.unregister_producer();
}

fn a_pull_producer_is_asked_each_time_that_nothing_waits<W: Way>(how: How) {
    let (world, reader, transport, _) = connected::<W>(how);
    let producer = Made::pulled(&transport, 20);
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

fn a_pull_producer_that_has_nothing_yet_is_left_alone<W: Way>(how: How) {
    let (world, reader, transport, _) = connected::<W>(how);
    let producer = Made::quiet();
    transport
        .register_producer(producer.clone(), ProducerKind::Pull)
        .unwrap();
    world.comes_to_rest();
    assert_eq!(producer.told(), [Told::Resume]);
    transport.write(b"found something");
    world.until(|| producer.told().len() == 2 && reader.count() == 15);
    transport.unregister_producer();
}

fn a_second_producer_is_refused<W: Way>(how: How) {
    let (_world, _reader, transport, _) = connected::<W>(how);
    let (first, second) = (Made::quiet(), Made::quiet());
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

fn a_producer_may_do_anything_when_it_is_asked_whether_it_has_finished<W: Way>(how: How) {
    let acts: [fn(&TransportRef); 5] = [
        |transport| transport.write(b"more"),
        |transport| {
            transport.unregister_producer();
        },
        |transport| transport.lose_connection(),
        |transport| transport.abort_connection(),
        |transport| {
            transport.unregister_producer();
            let next = Made::answering(|_| (), || Some(true));
            let _ = transport.register_producer(next, ProducerKind::Push);
        },
    ];
    for act in acts {
        let (world, _reader, transport, _) = connected::<W>(how.clone());
        let (inside, asked) = (transport.clone(), Cell::new(0));
        let answer = move || {
            asked.set(asked.get() + 1);
            if asked.get() <= 2 {
                act(&inside);
            }
            Some(asked.get() > 2)
        };
        let producer = Made::answering(|_| (), answer);
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

fn a_panic_of_a_producer_costs_its_connection<W: Way>(how: How) {
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
        let (mut world, reader, transport, writer) = connected::<W>(how.clone());
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
        let kind = match when {
            In::Resume => ProducerKind::Pull,
            _ => ProducerKind::Push,
        };
        let producer = Made::answering(reaction, answer);
        transport.register_producer(producer, kind).unwrap();
        match when {
            In::Pause => {
                reader.transport().pause_producing();
                transport.write(&pattern(W::MUCH));
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

fn the_producer_of_a_lost_connection_is_told_to_stop<W: Way>(how: How) {
    for kind in [ProducerKind::Push, ProducerKind::Pull] {
        let (world, reader, transport, writer) = connected::<W>(how.clone());
        let myself = writer.clone();
        let producer = Made::new(move |told| {
            if told == Told::Stop {
                assert!(!myself.is_over(), "its connection_lost came first");
            }
        });
        transport.register_producer(producer.clone(), kind).unwrap();
        world.settle();
        reader.transport().abort_connection();
        world.until_over();
        assert_eq!(producer.told().last(), Some(&Told::Stop));
        assert!(!transport.has_producer());
    }
}

fn a_producer_on_a_connection_that_has_gone_is_told_to_stop<W: Way>(how: How) {
    let (world, reader, transport, _) = connected::<W>(how);
    reader.transport().abort_connection();
    world.until_over();
    let producer = Made::quiet();
    transport
        .register_producer(producer.clone(), ProducerKind::Push)
        .unwrap();
    assert_eq!(producer.told(), [Told::Stop]);
}

fn a_producer_that_has_unregistered_hears_nothing_more<W: Way>(how: How) {
    let (world, reader, transport, _) = connected::<W>(how);
    let producer = Made::quiet();
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

fn a_producer_is_dropped_with_its_connection<W: Way>(how: How) {
    let (world, reader, transport, _) = connected::<W>(how);
    let producer = Made::quiet();
    transport
        .register_producer(producer.clone(), ProducerKind::Push)
        .unwrap();
    reader.transport().abort_connection();
    world.until_over();
    assert_eq!(Rc::strong_count(&producer), 1);
}

fn a_producer_may_do_anything_when_it_is_told_to_stop<W: Way>(how: How) {
    let (world, reader, transport, writer) = connected::<W>(how);
    let (next, inside) = (Made::quiet(), transport.clone());
    let follower = next.clone();
    let producer = Made::new(move |told| {
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
    let ended = if W::SHOWS_BREAK { "" } else { "read-lost " };
    assert_eq!(writer.story(), format!("made {ended}lost"));
}

fn two_transports_hold_each_other_back<W: Way>(how: How) {
    // source -> (inlet outlet) -> sink: what the sink does not read, the source cannot send.
    let (source, inlet, outlet, sink) = (Peer::new(), Peer::new(), Peer::new(), Peer::new());
    let onward = outlet.clone();
    let relays = inlet.reacting(move |_, event| {
        if let Event::Data(data) = event {
            onward.transport().write(data);
        }
    });
    let mut world = World::<W>::connected(how, (&sink, sink.quiet()), (&outlet, outlet.quiet()));
    world.connect((&source, source.quiet()), (&inlet, relays));
    world.until(|| source.is_made() && inlet.is_made());
    let producer: Rc<dyn Producer> = inlet.transport();
    outlet
        .transport()
        .register_producer(producer, ProducerKind::Push)
        .unwrap();
    sink.transport().pause_producing();
    source.transport().write(&pattern(2 * W::MUCH));
    world.comes_to_rest();
    assert!(
        source.transport().buffered() > 0,
        "the source was not held back"
    );
    assert!(
        outlet.transport().buffered() < W::MUCH / 2,
        "the relay has kept it all"
    );
    sink.transport().resume_producing();
    world.until(|| sink.count() == 2 * W::MUCH);
    outlet.transport().unregister_producer();
}
