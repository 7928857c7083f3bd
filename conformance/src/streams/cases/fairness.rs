//! One connection, whatever its code does, delays the others by no more than its share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use retwist_reactor::{ProtocolRef, TransportRef};

use crate::streams::{Event, How, Kind, Peer, World};

/// Callbacks that one connection may get in a pass, with all that its layers add.
const SHARE: usize = 1000;
/// Passes in which an echo comes.
const PASSES: usize = 60;

/// How long a test waits before it calls the loop hung. Passes take no time here, while another process
/// that carries the bytes may.
const HANGING: Duration = Duration::from_secs(30);

/// Makes single passes until it is true: here the loop never comes to rest.
fn come_to(world: &World, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while began.elapsed() < HANGING {
        if condition() {
            return;
        }
        world.one_pass();
    }
    panic!("it never comes to that");
}

/// Neighbours send each other a byte again and again while `busy` counts what one connection does.
fn neighbours_are_served(world: &mut World, busy: &Cell<usize>) {
    let (client, server) = (Peer::new(), Peer::new());
    world.connect((&client, client.quiet()), (&server, server.echoing()));
    come_to(world, || client.is_made() && server.is_made());
    for round in 1..=20 {
        let before = busy.get();
        client.transport().write(b"?");
        let (mut passes, began) = (0, Instant::now());
        while client.count() < round {
            world.one_pass();
            passes += 1;
            assert!(began.elapsed() < HANGING, "echo {round} never came");
        }
        let done = busy.get() - before;
        assert!(
            done <= SHARE * (passes + PASSES),
            "{done} callbacks in {passes} passes before echo {round}"
        );
    }
    assert!(busy.get() > 0, "the busy one is called, too");
}

pub(crate) fn a_protocol_that_resumes_in_each_callback_has_a_share(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let busy = Rc::new(Cell::new(0));
    let count = busy.clone();
    let again = server.reacting(move |transport, event| {
        if let Event::Data(data) = event {
            count.set(count.get() + 1);
            transport.unread(data);
            transport.pause_producing();
            transport.resume_producing();
        }
    });
    let mut world = World::connected(kind, how, (&client, client.quiet()), (&server, again));
    client.transport().write(b"x");
    come_to(&world, || server.count() > 0);
    neighbours_are_served(&mut world, &busy);
}

pub(crate) fn protocols_that_switch_each_other_in_have_a_share(kind: Kind, how: How) {
    let (client, one, other) = (Peer::new(), Peer::new(), Peer::new());
    let busy = Rc::new(Cell::new(0));
    let waiting: Rc<RefCell<Option<ProtocolRef>>> = Rc::default();
    let takes_turns = || {
        let (waiting, count) = (waiting.clone(), busy.clone());
        move |transport: &TransportRef, event: &Event<'_>| {
            if matches!(event, Event::Made | Event::Switched) {
                count.set(count.get() + 1);
                let next = waiting.borrow_mut().take();
                if let Some(next) = next {
                    let me = transport.switch_protocol(next);
                    *waiting.borrow_mut() = Some(me);
                }
            }
        }
    };
    *waiting.borrow_mut() = Some(other.reacting(takes_turns()));
    let first = one.reacting(takes_turns());
    let mut world = World::new(kind, how);
    world.connect((&client, client.quiet()), (&one, first));
    come_to(&world, || busy.get() > 2);
    neighbours_are_served(&mut world, &busy);
    // Which of the two hears of the end is left to chance.
    world.forget(&one);
    let left = waiting.take();
    world.end();
    drop(left);
    assert!(one.is_over() != other.is_over());
}

pub(crate) fn calls_that_ask_for_calls_have_a_share(kind: Kind, how: How) {
    fn call_again(peer: &Peer, count: &Rc<Cell<usize>>) {
        let (again, counted) = (peer.clone(), count.clone());
        peer.me().call(move |_, _| {
            counted.set(counted.get() + 1);
            call_again(&again, &counted);
        });
    }
    let (client, server) = (Peer::new(), Peer::new());
    let busy = Rc::new(Cell::new(0));
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    call_again(&server, &busy);
    neighbours_are_served(&mut world, &busy);
}
