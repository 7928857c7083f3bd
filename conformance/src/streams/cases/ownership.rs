//! Ownership is a tree: what ends is freed, and a handle that was kept keeps nothing alive.

use std::cell::RefCell;
use std::rc::Rc;

use crate::streams::{Event, How, Kind, Peer, World};

pub(crate) fn a_protocol_is_dropped_when_its_connection_ends(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    client.transport().lose_connection();
    world.until_over();
    world.settle();
    assert!(client.is_dropped() && server.is_dropped());
}

pub(crate) fn a_protocol_that_keeps_its_own_transport_is_dropped(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let mut kept = Vec::new();
    let keeps = server.reacting(move |transport, _| kept.push(transport.clone()));
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, keeps));
    client.transport().abort_connection();
    world.until_over();
    world.settle();
    assert!(client.is_dropped() && server.is_dropped());
}

pub(crate) fn protocols_that_keep_each_others_transports_are_dropped(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let kept = Rc::new(RefCell::new(Vec::new()));
    let keeps = |kept: Rc<RefCell<Vec<retwist_reactor::TransportRef>>>| {
        move |transport: &retwist_reactor::TransportRef, event: &Event<'_>| {
            if let Event::Made = event {
                kept.borrow_mut().push(transport.clone());
            }
        }
    };
    let (one, other) = (
        client.reacting(keeps(kept.clone())),
        server.reacting(keeps(kept.clone())),
    );
    let mut world = World::connected(kind, how, (&client, one), (&server, other));
    assert_eq!(kept.borrow().len(), 2);
    drop(kept);
    world.end();
    assert!(client.is_dropped() && server.is_dropped());
}

pub(crate) fn everyone_is_dropped_with_the_loop(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.echoing()),
    );
    client.transport().write(b"on its way");
    world.end();
    assert!(client.is_over() && server.is_over());
    assert!(client.is_dropped() && server.is_dropped());
}

pub(crate) fn a_protocol_that_was_switched_out_belongs_to_the_code_that_holds_it(
    kind: Kind,
    how: How,
) {
    let (client, server, next) = (Peer::new(), Peer::new(), Peer::new());
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    world.watch(&next);
    let before = server.transport().switch_protocol(next.quiet());
    world.settle();
    assert!(!server.is_dropped());
    drop(before);
    assert!(server.is_dropped());
    world.forget(&server);
    next.transport().lose_connection();
    world.until_over();
    world.settle();
    assert!(next.is_dropped());
}

pub(crate) fn a_call_that_was_never_made_is_dropped_with_the_loop(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let held = Rc::new(());
    let (later, soon) = (held.clone(), held.clone());
    world
        .clock()
        .call_later(std::time::Duration::from_secs(3600), move || drop(later));
    world.clock().call_soon(move || drop(soon));
    world.end();
    assert_eq!(Rc::strong_count(&held), 1);
}
