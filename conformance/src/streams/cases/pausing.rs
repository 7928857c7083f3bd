//! Reading pauses and resumes.

use std::cell::Cell;
use std::rc::Rc;

use crate::streams::{Ability, Event, How, Kind, Peer, World, pattern};

pub(crate) fn a_pause_in_connection_made_holds_everything_back(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let pauses = server.reacting(|transport, event| {
        if let Event::Made = event {
            transport.pause_producing();
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, pauses));
    client.transport().write(b"patience");
    world.comes_to_rest();
    assert_eq!(server.story(), "made");
    assert!(!server.transport().is_reading());
    server.transport().resume_producing();
    world.until(|| server.count() == 8);
}

pub(crate) fn a_pause_holds_at_once_even_what_is_already_here(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let paused = Rc::new(Cell::new(false));
    let broken = Rc::new(Cell::new(0));
    let (flag, count) = (paused.clone(), broken.clone());
    let pauses = server.reacting(move |transport, event| {
        if let Event::Data(_) = event {
            count.set(count.get() + usize::from(flag.replace(true)));
            transport.pause_producing();
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, pauses));
    let sent = pattern(2_000);
    client.transport().write(&sent);
    while server.count() < sent.len() {
        world.until(|| paused.get());
        world.settle();
        paused.set(false);
        server.transport().resume_producing();
    }
    assert_eq!(server.received(), sent);
    assert_eq!(broken.get(), 0, "deliveries to a paused protocol");
}

pub(crate) fn pausing_and_resuming_twice_is_once(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let transport = server.transport();
    transport.pause_producing();
    transport.pause_producing();
    client.transport().write(b"once");
    world.settle();
    assert_eq!(server.count(), 0);
    transport.resume_producing();
    transport.resume_producing();
    world.until(|| server.count() == 4);
}

pub(crate) fn a_pause_in_the_callback_that_resumed_rests(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let transport = server.transport();
    transport.pause_producing();
    client.transport().write(b"later");
    world.settle();
    transport.resume_producing();
    transport.pause_producing();
    world.comes_to_rest();
    assert_eq!(server.count(), 0);
    transport.resume_producing();
    world.until(|| server.count() == 5);
}

pub(crate) fn a_newcomer_that_pauses_rests(kind: Kind, how: How) {
    let (client, server, next) = (Peer::new(), Peer::new(), Peer::new());
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    world.watch(&next);
    let pauses = next.reacting(|transport, event| {
        if let Event::Made = event {
            transport.pause_producing();
        }
    });
    server.transport().switch_protocol(pauses);
    client.transport().write(b"for the newcomer");
    world.comes_to_rest();
    assert_eq!(next.story(), "made");
    next.transport().resume_producing();
    world.until(|| next.count() == 16);
    // The peer that was switched out hears nothing more, its end included.
    assert_eq!(server.story(), "made");
    world.forget(&server);
}

pub(crate) fn the_end_of_input_waits_until_it_is_read(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    server.transport().pause_producing();
    client.transport().write(b"last words");
    client.transport().lose_connection();
    world.comes_to_rest();
    assert_eq!(server.story(), "made");
    server.transport().resume_producing();
    world.until_over();
    assert_eq!(server.story(), "made 'last words' read-lost lost");
    assert!(server.reason().is_clean());
}

pub(crate) fn a_paused_connection_can_write_and_close(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    server.transport().pause_producing();
    client.transport().write(b"unheard");
    world.settle();
    server.transport().write(b"bye");
    server.transport().lose_connection();
    world.until_over();
    assert_eq!(client.story(), "made 'bye' read-lost lost");
    assert_eq!(server.story(), "made lost");
    assert!(client.reason().is_clean() && server.reason().is_clean());
}

pub(crate) fn a_paused_connection_hears_of_a_reset(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    server.transport().pause_producing();
    client.transport().abort_connection();
    if !kind.can(Ability::BreakAPause) {
        // It is told as it would be of a close: when it reads again.
        world.settle();
        server.transport().resume_producing();
        return world.until_over();
    }
    world.until_over();
    assert_eq!(server.story(), "made lost");
    assert!(!server.reason().is_clean());
}

pub(crate) fn resuming_what_is_closing_or_gone_is_nothing(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let transport = server.transport();
    transport.pause_producing();
    client.transport().write(b"too late");
    world.settle();
    transport.lose_connection();
    transport.resume_producing();
    world.until_over();
    transport.pause_producing();
    transport.resume_producing();
    world.comes_to_rest();
    assert_eq!(server.story(), "made lost");
}

pub(crate) fn the_end_of_the_loop_is_heard_by_the_idle_and_the_paused(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    server.transport().pause_producing();
    client.transport().write(b"not read");
    world.settle();
    world.end();
    assert!(client.story().ends_with("lost") && server.story() == "made lost");
}

pub(crate) fn a_peer_that_is_paused_fills_and_drains(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let sent = pattern(kind.much());
    server.transport().pause_producing();
    client.transport().write(&sent);
    world.comes_to_rest();
    assert!(
        client.transport().buffered() > 0,
        "a buffer below has taken all of it"
    );
    server.transport().resume_producing();
    world.until(|| server.count() == sent.len());
    assert!(server.received() == sent);
}
