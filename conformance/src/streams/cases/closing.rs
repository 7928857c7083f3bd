//! `lose_connection`: what was written goes out, and then it is over.

use std::cell::Cell;
use std::rc::Rc;

use crate::streams::{Event, How, Kind, Peer, World, pattern};

pub(crate) fn what_was_written_before_a_close_arrives_and_nothing_after_it(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let closes = server.reacting(|transport, event| {
        if let Event::Made = event {
            transport.write(&pattern(3_000));
            transport.lose_connection();
            transport.write(b"in the same callback");
            assert!(!transport.is_connected());
            let late = transport.clone();
            transport
                .clock()
                .call_soon(move || late.write(b"in a later turn"));
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, closes));
    world.until_over();
    assert_eq!(client.received(), pattern(3_000));
    assert!(client.reason().is_clean() && server.reason().is_clean());
}

pub(crate) fn an_echo_returns_all_that_came_before_the_end_of_input(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let asks = client.keeping_open(|transport, event| match event {
        Event::Made => {
            transport.write(&pattern(5_000));
            transport.lose_write_connection();
        }
        Event::ReadLost => transport.lose_connection(),
        _ => {}
    });
    let world = World::connected(kind, how, (&client, asks), (&server, server.echoing()));
    world.until_over();
    assert_eq!(client.received(), pattern(5_000));
    assert!(client.reason().is_clean() && server.reason().is_clean());
}

pub(crate) fn a_close_in_each_callback_is_told_once(kind: Kind, how: How) {
    let is_it: [fn(&Event<'_>) -> bool; 4] = [
        |event| matches!(event, Event::Made),
        |event| matches!(event, Event::Data(_)),
        |event| matches!(event, Event::ReadLost),
        |event| matches!(event, Event::WriteLost),
    ];
    for is_it in is_it {
        let (client, server) = (Peer::new(), Peer::new());
        let closes = server.keeping_open(move |transport, event| match event {
            event if is_it(event) => transport.lose_connection(),
            Event::ReadLost => transport.lose_write_connection(),
            _ => {}
        });
        let talks = client.keeping_open(|transport, event| {
            if let Event::Made = event {
                transport.write(b"hello");
                transport.lose_write_connection();
            }
            if let Event::ReadLost = event {
                transport.lose_connection();
            }
        });
        let world = World::connected(kind, how.clone(), (&client, talks), (&server, closes));
        world.until_over();
        assert!(server.story().ends_with("lost"), "{}", server.story());
        assert!(server.reason().is_clean());
    }
}

pub(crate) fn a_close_delivers_nothing_more(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let closes = server.reacting(|transport, event| {
        if let Event::Data(_) = event {
            transport.lose_connection();
            transport.unread(b"thrown away");
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, closes));
    client.transport().write(b"one");
    world.until(|| server.count() > 0);
    client.transport().write(b"two");
    world.until_over();
    assert_eq!(server.story(), "made 'one' lost");
}

pub(crate) fn closing_twice_is_once(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let transport = client.transport();
    transport.lose_connection();
    transport.lose_connection();
    transport.lose_write_connection();
    world.settle();
    transport.lose_connection();
    world.until_over();
    assert_eq!(client.story(), "made lost");
    assert_eq!(server.story(), "made read-lost lost");
}

pub(crate) fn both_may_close_at_the_same_time(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    for peer in [&client, &server] {
        peer.transport().write(b"bye");
        peer.transport().lose_connection();
    }
    world.until_over();
    assert!(client.reason().is_clean() && server.reason().is_clean());
}

pub(crate) fn a_connection_that_has_gone_is_safe_to_use(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let transport = server.transport();
    client.transport().lose_connection();
    world.until_over();
    transport.write(b"not sent");
    transport.write_sequence(&[b"nor", b"this"]);
    transport.unread(b"nor is this read");
    transport.pause_producing();
    transport.resume_producing();
    transport.lose_write_connection();
    transport.lose_connection();
    transport.abort_connection();
    let next = Peer::new();
    transport.switch_protocol(next.quiet());
    world.comes_to_rest();
    assert!(!transport.is_connected() && !transport.is_reading());
    assert!(transport.protocol().is_none());
    assert_eq!(transport.buffered(), 0);
    assert_eq!(next.story(), "");
}

pub(crate) fn three_mebibytes_come_back_before_the_end(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let sent = pattern(3 << 20);
    let all = sent.clone();
    let asks = client.keeping_open(move |transport, event| match event {
        Event::Made => {
            transport.write(&all);
            transport.lose_write_connection();
        }
        Event::ReadLost => transport.lose_connection(),
        _ => {}
    });
    let world = World::connected(kind, how, (&client, asks), (&server, server.echoing()));
    world.until_over();
    assert!(
        client.received() == sent,
        "{} bytes came back",
        client.count()
    );
    assert!(client.story().ends_with("read-lost lost"));
    assert!(client.reason().is_clean() && server.reason().is_clean());
}

pub(crate) fn what_the_peer_still_sends_does_not_destroy_the_reply(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let reply = pattern(3_000_000);
    let all = reply.clone();
    let answers = server.reacting(move |transport, event| {
        if let Event::Data(_) = event {
            transport.write(&all);
            transport.lose_connection();
        }
    });
    // Every piece of the reply is answered with another request, which is no longer read.
    let asks = client.reacting(|transport, event| {
        if let Event::Made | Event::Data(_) = event {
            transport.write(b"one more request\r\n");
        }
    });
    let world = World::connected(kind, how, (&client, asks), (&server, answers));
    world.until_over();
    assert!(client.received() == reply, "{} bytes came", client.count());
    assert!(client.reason().is_clean());
}

pub(crate) fn a_close_flushes_to_a_peer_that_reads_late(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let reply = pattern(kind.much());
    client.transport().pause_producing();
    server.transport().write(&reply);
    server.transport().lose_connection();
    world.comes_to_rest();
    assert_eq!(client.count(), 0);
    client.transport().resume_producing();
    world.until_over();
    assert!(client.received() == reply, "{} bytes came", client.count());
}

pub(crate) fn closing_while_the_peer_ends_comes_to_rest(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let stays = client.keeping_open(|_, _| ());
    let world = World::connected(kind, how, (&client, stays), (&server, server.quiet()));
    client.transport().pause_producing();
    server.transport().write(&pattern(kind.much()));
    server.transport().lose_connection();
    client.transport().lose_write_connection();
    world.comes_to_rest();
    assert_eq!(server.story(), "made");
    client.transport().resume_producing();
    world.until(|| client.count() == kind.much());
    client.transport().lose_connection();
    world.until_over();
    assert!(server.reason().is_clean());
}

pub(crate) fn a_close_from_outside_is_a_close(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let called = Rc::new(Cell::new(false));
    let (transport, flag) = (server.transport(), called.clone());
    world.clock().call_soon(move || {
        transport.write(b"bye");
        transport.lose_connection();
        flag.set(transport.is_connected());
    });
    world.until_over();
    assert!(!called.get());
    assert_eq!(client.story(), "made 'bye' read-lost lost");
}
