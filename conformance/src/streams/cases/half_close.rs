//! One direction closed, the other open.

use crate::streams::{Ability, Event, How, Kind, Peer, World, pattern};

pub(crate) fn who_has_closed_its_write_half_still_reads(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let asks = client.reacting(|transport, event| {
        if let Event::Made = event {
            transport.write(b"question");
            transport.lose_write_connection();
        }
    });
    let answers = server.keeping_open(|transport, event| {
        if let Event::ReadLost = event {
            transport.write(&pattern(2_000));
            transport.lose_connection();
        }
    });
    let world = World::connected(kind, how, (&client, asks), (&server, answers));
    world.until_over();
    assert_eq!(client.received(), pattern(2_000));
    assert_eq!(server.story(), "made 'question' read-lost lost");
    assert!(client.reason().is_clean() && server.reason().is_clean());
}

pub(crate) fn who_has_read_the_end_still_writes(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let keeps = server.keeping_open(|_, _| ());
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, keeps));
    client.transport().lose_write_connection();
    world.until(|| server.story() == "made read-lost");
    for piece in pattern(2_000).chunks(100) {
        server.transport().write(piece);
        world.settle();
    }
    world.until(|| client.count() == 2_000);
    assert!(server.transport().is_connected());
    server.transport().lose_connection();
    world.until_over();
    assert_eq!(client.received(), pattern(2_000));
}

pub(crate) fn writes_after_the_half_close_are_dropped(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let transport = client.transport();
    transport.write(b"said");
    transport.lose_write_connection();
    transport.write(b"unsaid");
    world.settle();
    transport.write(b"unsaid");
    world.until_over();
    assert_eq!(server.story(), "made 'said' read-lost lost");
}

pub(crate) fn the_half_close_is_told_when_all_is_handed_over(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    server.transport().pause_producing();
    client.transport().write(&pattern(kind.much()));
    client.transport().lose_write_connection();
    world.comes_to_rest();
    assert_eq!(client.story(), "made");
    server.transport().resume_producing();
    world.until(|| client.story().starts_with("made write-lost"));
    world.until_over();
    assert_eq!(server.count(), kind.much());
}

pub(crate) fn a_half_close_is_once(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let keeps = server.keeping_open(|_, _| ());
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, keeps));
    client.transport().lose_write_connection();
    client.transport().lose_write_connection();
    world.until(|| server.story() == "made read-lost");
    client.transport().lose_write_connection();
    world.comes_to_rest();
    assert_eq!(client.story(), "made write-lost");
    assert_eq!(server.story(), "made read-lost");
}

pub(crate) fn both_halves_closed_is_the_end(kind: Kind, how: How) {
    for client_first in [true, false] {
        let (client, server) = (Peer::new(), Peer::new());
        let (one, other) = (
            client.keeping_open(|_, _| ()),
            server.keeping_open(|_, _| ()),
        );
        let world = World::connected(kind, how.clone(), (&client, one), (&server, other));
        let (first, second) = if client_first {
            (&client, &server)
        } else {
            (&server, &client)
        };
        first.transport().lose_write_connection();
        world.until(|| second.story() == "made read-lost");
        second.transport().lose_write_connection();
        world.until_over();
        assert_eq!(first.story(), "made write-lost read-lost lost");
        assert_eq!(second.story(), "made read-lost write-lost lost");
        assert!(client.reason().is_clean() && server.reason().is_clean());
    }
}

pub(crate) fn a_close_in_either_notification_is_a_close(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let closes = client.reacting(|transport, event| {
        if let Event::WriteLost = event {
            transport.lose_connection();
        }
    });
    let world = World::connected(kind, how, (&client, closes), (&server, server.quiet()));
    client.transport().lose_write_connection();
    world.until_over();
    assert_eq!(client.story(), "made write-lost lost");
    assert_eq!(server.story(), "made read-lost lost");
    assert!(client.reason().is_clean() && server.reason().is_clean());
}

pub(crate) fn a_half_closed_connection_waits_as_long_as_it_likes(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let keeps = server.keeping_open(|_, _| ());
    let mut quick = how;
    quick.client.close_timeout = std::time::Duration::from_millis(1);
    quick.client.linger_timeout = std::time::Duration::from_millis(1);
    let world = World::connected(kind, quick, (&client, client.quiet()), (&server, keeps));
    client.transport().lose_write_connection();
    world.comes_to_rest();
    world.comes_to_rest();
    server.transport().write(b"at last");
    server.transport().lose_connection();
    world.until_over();
    assert_eq!(client.story(), "made write-lost 'at last' read-lost lost");
    assert!(client.reason().is_clean());
}

pub(crate) fn a_reset_ends_a_half_closed_connection(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let keeps = server.keeping_open(|_, _| ());
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, keeps));
    client.transport().lose_write_connection();
    world.until(|| server.story() == "made read-lost");
    client.transport().abort_connection();
    world.until(|| {
        if !kind.can(Ability::BreakAPause) {
            // A layer may read no more behind the end of its own input. It hears when it writes, once
            // what lies between the two has ended.
            server.transport().write(b"unheard");
        }
        server.is_over()
    });
    assert_eq!(server.story(), "made read-lost lost");
    assert!(!server.reason().is_clean());
}
