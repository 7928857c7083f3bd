//! `switch_protocol`: another listens, and not a byte is lost or heard twice.

use retwist_reactor::TransportRef;

use crate::streams::{Event, How, Kind, Peer, World};

/// Switches in the given callback, gives back what has come, and keeps to itself after that.
fn switcher(
    next: &Peer,
    is_it: fn(&Event<'_>) -> bool,
) -> impl FnMut(&TransportRef, &Event<'_>) + use<> {
    let mut next = Some(next.quiet());
    move |transport, event| {
        if is_it(event)
            && let Some(next) = next.take()
        {
            let before = transport.switch_protocol(next);
            assert!(before.is_connected_before());
            if let Event::Data(data) = event {
                transport.unread(data);
            }
            transport.write(b"through a revoked handle");
            assert!(!transport.is_reading() && !transport.is_connected());
        }
    }
}

pub(crate) fn a_newcomer_gets_what_the_one_before_gave_back(kind: Kind, how: How) {
    let (client, server, next) = (Peer::new(), Peer::new(), Peer::new());
    let mut heard = Vec::new();
    let mut follower = Some(next.quiet());
    let reads_a_line = server.reacting(move |transport, event| {
        let Event::Data(data) = event else { return };
        heard.extend_from_slice(data);
        if let Some(end) = heard.iter().position(|byte| *byte == b'\n')
            && let Some(next) = follower.take()
        {
            transport.switch_protocol(next);
            transport.unread(&heard[end + 1..]);
        }
    });
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, reads_a_line),
    );
    world.watch(&next);
    client
        .transport()
        .write(b"UPGRADE\nthis belongs to the newcomer");
    world.until(|| next.count() == 28);
    client.transport().write(b", all of it");
    world.until(|| next.count() == 39);
    assert_eq!(
        next.story(),
        "made 'this belongs to the newcomer, all of it'"
    );
    world.forget(&server);
}

pub(crate) fn a_protocol_that_comes_back_hears_that_it_was_switched(kind: Kind, how: How) {
    let (client, server, guest) = (Peer::new(), Peer::new(), Peer::new());
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    world.watch(&guest);
    let host = server.transport().switch_protocol(guest.quiet());
    client.transport().write(b"to the guest");
    world.until(|| guest.count() == 12);
    guest.transport().switch_protocol(host);
    client.transport().write(b"to the host");
    world.until(|| server.count() == 11);
    assert_eq!(guest.story(), "made 'to the guest'");
    assert_eq!(server.story(), "made switched 'to the host'");
    world.forget(&guest);
}

pub(crate) fn a_switch_in_each_callback_is_heard_before_anything_else(kind: Kind, how: How) {
    let is_it: [fn(&Event<'_>) -> bool; 3] = [
        |event| matches!(event, Event::Made),
        |event| matches!(event, Event::Data(_)),
        |event| matches!(event, Event::ReadLost),
    ];
    let stories = [
        "made 'hello' read-lost lost",
        "made 'hello' read-lost lost",
        "made read-lost lost",
    ];
    for (is_it, story) in is_it.into_iter().zip(stories) {
        let (client, server, next) = (Peer::new(), Peer::new(), Peer::new());
        let switches = server.keeping_open(switcher(&next, is_it));
        let mut world = World::connected(
            kind,
            how.clone(),
            (&client, client.quiet()),
            (&server, switches),
        );
        world.watch(&next);
        client.transport().write(b"hello");
        client.transport().lose_write_connection();
        world.forget(&server);
        world.until(|| client.is_over() && next.is_over());
        assert_eq!(next.story(), story);
        assert_eq!(client.count(), 0, "a revoked handle wrote");
        assert!(!server.is_over());
    }
}

pub(crate) fn a_switch_from_outside_is_heard_in_a_later_turn(kind: Kind, how: How) {
    let (client, server, next) = (Peer::new(), Peer::new(), Peer::new());
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    world.watch(&next);
    server.transport().switch_protocol(next.quiet());
    assert_eq!(next.story(), "");
    world.until(|| next.is_made());
    client.transport().lose_connection();
    world.forget(&server);
    world.until_over();
    assert_eq!(next.story(), "made read-lost lost");
}

pub(crate) fn a_switch_returns_who_was_there(kind: Kind, how: How) {
    let (client, server, next) = (Peer::new(), Peer::new(), Peer::new());
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    world.watch(&next);
    let there = server.transport().protocol().unwrap();
    let newcomer = next.quiet();
    let before = server.transport().switch_protocol(newcomer.clone());
    assert!(before.ptr_eq(&there));
    let refused = server.transport().switch_protocol(there);
    assert!(refused.ptr_eq(&before), "a revoked handle has switched");
    world.until(|| next.is_made());
    assert!(next.transport().protocol().unwrap().ptr_eq(&newcomer));
    drop((before, refused));
    assert!(server.is_dropped());
    world.forget(&server);
}

pub(crate) fn the_handle_of_one_who_was_switched_out_is_deaf(kind: Kind, how: How) {
    let (client, server, next) = (Peer::new(), Peer::new(), Peer::new());
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    world.watch(&next);
    let old = server.transport();
    old.switch_protocol(next.quiet());
    old.write(b"plaintext under a layer");
    old.unread(b"made up");
    old.pause_producing();
    old.lose_write_connection();
    old.lose_connection();
    old.abort_connection();
    world.until(|| next.is_made());
    client.transport().write(b"hello");
    world.until(|| next.count() == 5);
    assert_eq!(next.story(), "made 'hello'");
    assert_eq!(client.story(), "made");
    world.forget(&server);
}

pub(crate) fn a_newcomer_reads_even_if_the_one_before_had_paused(kind: Kind, how: How) {
    let (client, server, next) = (Peer::new(), Peer::new(), Peer::new());
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    world.watch(&next);
    server.transport().pause_producing();
    client.transport().write(b"waiting");
    world.settle();
    server.transport().switch_protocol(next.quiet());
    world.until(|| next.count() == 7);
    world.forget(&server);
}

pub(crate) fn a_newcomer_hears_of_an_end_of_input_that_was_heard_before(kind: Kind, how: How) {
    let (client, server, next) = (Peer::new(), Peer::new(), Peer::new());
    let keeps = server.keeping_open(|_, _| ());
    let mut world = World::connected(kind, how, (&client, client.quiet()), (&server, keeps));
    world.watch(&next);
    client.transport().lose_write_connection();
    world.until(|| server.story() == "made read-lost");
    server.transport().unread(b"left over");
    server.transport().switch_protocol(next.quiet());
    world.forget(&server);
    world.until_over();
    assert_eq!(next.story(), "made 'left over' read-lost lost");
}

pub(crate) fn a_handle_is_revoked_by_its_first_switch(kind: Kind, how: How) {
    let (client, server, first, last) = (Peer::new(), Peer::new(), Peer::new(), Peer::new());
    let mut newcomers = Some((first.quiet(), last.quiet()));
    let switches = server.reacting(move |transport, event| {
        if let Event::Data(data) = event
            && let Some((first, last)) = newcomers.take()
        {
            assert!(transport.switch_protocol(first).is_connected_before());
            assert!(!transport.switch_protocol(last).is_connected_before());
            transport.unread(data);
        }
    });
    let mut world = World::connected(kind, how, (&client, client.quiet()), (&server, switches));
    world.watch(&first);
    world.watch(&last);
    client.transport().write(b"hello");
    world.until(|| first.count() == 5);
    assert_eq!(last.story(), "");
    world.forget(&server);
}

pub(crate) fn switching_while_closing_leaves_it_closing(kind: Kind, how: How) {
    let (client, server, next) = (Peer::new(), Peer::new(), Peer::new());
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    world.watch(&next);
    server.transport().write(b"bye");
    server.transport().lose_connection();
    server
        .transport()
        .switch_protocol(next.reacting(|transport, _| transport.write(b"more")));
    world.forget(&server);
    world.until_over();
    assert_eq!(client.story(), "made 'bye' read-lost lost");
    assert_eq!(next.story(), "made lost");
}

pub(crate) fn who_is_in_the_seat_hears_of_the_loss(kind: Kind, how: How) {
    let (client, server, next) = (Peer::new(), Peer::new(), Peer::new());
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    world.watch(&next);
    server.transport().switch_protocol(next.quiet());
    client.transport().abort_connection();
    world.forget(&server);
    world.until(|| next.is_over());
    assert!(!server.is_over());
    assert!(next.is_dropped());
}
