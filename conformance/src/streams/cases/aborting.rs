//! `abort_connection`: the connection ends at once, and the peer sees that it broke.

use retwist_reactor::Reason;

use crate::streams::{Ability, Event, How, Kind, Peer, PeerProducer, Told, World, pattern};

pub(crate) fn an_abort_in_each_callback_is_told_once_and_not_in_it(kind: Kind, how: How) {
    let is_it: [fn(&Event<'_>) -> bool; 3] = [
        |event| matches!(event, Event::Made),
        |event| matches!(event, Event::Data(_)),
        |event| matches!(event, Event::ReadLost),
    ];
    for is_it in is_it {
        let (client, server) = (Peer::new(), Peer::new());
        let myself = server.clone();
        let aborts = server.reacting(move |transport, event| {
            if is_it(event) {
                transport.abort_connection();
                transport.write(b"too late");
                assert!(!myself.is_over() && !transport.is_connected());
            }
        });
        let talks = client.reacting(|transport, event| {
            if let Event::Made = event {
                transport.write(b"hello");
                transport.lose_write_connection();
            }
        });
        let mut world = World::new(kind, how.clone());
        world.connect((&client, talks), (&server, aborts));
        world.until(|| server.is_over());
        world.until_over();
        assert!(matches!(server.reason(), Reason::Aborted));
        assert_eq!(client.count(), 0);
        // A connection that is aborted before it is made has failed.
        assert!(!client.is_made() || !client.reason().is_clean() || !kind.can(Ability::ShowBreak));
    }
}

pub(crate) fn aborting_twice_is_once(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    server.transport().abort_connection();
    server.transport().abort_connection();
    world.until_over();
    server.transport().abort_connection();
    world.comes_to_rest();
    assert_eq!(server.story(), "made lost");
    assert!(matches!(server.reason(), Reason::Aborted));
}

pub(crate) fn an_abort_ends_a_close_that_is_under_way(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    client.transport().pause_producing();
    server.transport().write(&pattern(kind.much()));
    server.transport().lose_connection();
    world.settle();
    assert!(!server.is_over());
    server.transport().abort_connection();
    world.until(|| server.is_over());
    assert!(matches!(server.reason(), Reason::Aborted));
}

pub(crate) fn a_close_after_an_abort_is_nothing(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    server.transport().abort_connection();
    server.transport().lose_connection();
    server.transport().lose_write_connection();
    world.until_over();
    assert!(matches!(server.reason(), Reason::Aborted));
    assert!(!client.reason().is_clean() || !kind.can(Ability::ShowBreak));
}

pub(crate) fn an_abort_throws_away_what_was_not_sent(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    client.transport().pause_producing();
    server.transport().write(&pattern(kind.much()));
    world.settle();
    server.transport().abort_connection();
    assert_eq!(server.transport().buffered(), 0);
    client.transport().resume_producing();
    world.until_over();
    assert!(client.count() < kind.much());
    assert!(!client.reason().is_clean() || !kind.can(Ability::ShowBreak));
}

pub(crate) fn an_abort_of_a_paused_connection_is_told(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    server.transport().pause_producing();
    client.transport().write(b"unread");
    world.settle();
    server.transport().abort_connection();
    world.until_over();
    assert_eq!(server.story(), "made lost");
}

pub(crate) fn an_abort_when_a_producer_is_resumed_is_told(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let transport = server.transport();
    let aborting = transport.clone();
    let producer = PeerProducer::new(move |told| {
        if told == Told::Resume {
            aborting.abort_connection();
        }
    });
    transport
        .register_producer(producer.clone(), retwist_reactor::ProducerKind::Pull)
        .unwrap();
    world.until_over();
    assert_eq!(producer.told(), [Told::Resume, Told::Stop]);
    assert!(matches!(server.reason(), Reason::Aborted));
}

pub(crate) fn both_may_abort_at_the_same_time(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    client.transport().abort_connection();
    server.transport().abort_connection();
    world.until_over();
    assert!(matches!(server.reason(), Reason::Aborted));
    assert!(matches!(client.reason(), Reason::Aborted));
}

pub(crate) fn a_reset_is_not_an_end_of_input(kind: Kind, how: How) {
    // The reset is there when the server answers: its answer fails, and only then does it read on.
    let (client, server) = (Peer::new(), Peer::new());
    let uploads = client.reacting(|transport, event| {
        if let Event::Data(_) = event {
            transport.write(b"half of it");
            let crashes = transport.clone();
            transport
                .clock()
                .call_soon(move || crashes.abort_connection());
        }
    });
    let world = World::connected(kind, how, (&client, uploads), (&server, server.echoing()));
    server.transport().write(b"go");
    world.until_over();
    if kind.can(Ability::ShowBreak) {
        assert!(!server.story().contains("read-lost"), "{}", server.story());
        assert!(!server.reason().is_clean());
    }
}
