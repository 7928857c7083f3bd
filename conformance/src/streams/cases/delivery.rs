//! Bytes: whole, in order, once.

use crate::streams::{Event, How, Kind, Peer, World, pattern};

pub(crate) fn bytes_arrive_whole_and_in_order(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let sent = pattern(10_000);
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    for piece in sent.chunks(777) {
        client.transport().write(piece);
        world.settle();
    }
    world.until(|| server.count() == sent.len());
    assert_eq!(server.received(), sent);
}

pub(crate) fn both_may_write_from_the_first_callback(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let greet = |name: &'static str| {
        move |transport: &_, event: &Event<'_>| {
            if let (Event::Made, transport) = (event, transport as &retwist_reactor::TransportRef) {
                transport.write(name.as_bytes());
            }
        }
    };
    let world = World::connected(
        kind,
        how,
        (&client, client.reacting(greet("client"))),
        (&server, server.reacting(greet("server"))),
    );
    world.until(|| client.count() == 6 && server.count() == 6);
    assert_eq!(client.story(), "made 'server'");
    assert_eq!(server.story(), "made 'client'");
}

pub(crate) fn a_conversation_goes_back_and_forth(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let mut asked = 0;
    let asks = client.reacting(move |transport, event| {
        if matches!(event, Event::Made | Event::Data(b"!")) && asked < 20 {
            asked += 1;
            transport.write(b"?");
        }
    });
    let answers = server.reacting(|transport, event| {
        if let Event::Data(questions) = event {
            questions.iter().for_each(|_| transport.write(b"!"));
        }
    });
    let world = World::connected(kind, how, (&client, asks), (&server, answers));
    world.until(|| client.count() == 20);
    assert_eq!(server.received(), b"?".repeat(20));
}

pub(crate) fn write_sequence_is_one_write_after_the_other(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    client
        .transport()
        .write_sequence(&[b"one ", b"", b"two ", b"three"]);
    world.until(|| server.count() == 13);
    assert_eq!(server.story(), "made 'one two three'");
}

pub(crate) fn an_empty_write_is_nothing(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    client.transport().write(b"");
    client.transport().write_sequence(&[]);
    world.comes_to_rest();
    assert_eq!(server.story(), "made");
}

pub(crate) fn a_write_from_outside_goes_out(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let transport = server.transport();
    world.clock().call_soon(move || transport.write(b"soon "));
    world.until(|| client.count() == 5);
    server.transport().write(b"now");
    world.until(|| client.count() == 8);
    assert_eq!(client.story(), "made 'soon now'");
}

pub(crate) fn a_write_to_another_connection_goes_out_in_the_same_turn(kind: Kind, how: How) {
    let (speaker, hub, listener, other) = (Peer::new(), Peer::new(), Peer::new(), Peer::new());
    let mut world = World::connected(
        kind,
        how,
        (&listener, listener.quiet()),
        (&other, other.quiet()),
    );
    let to_listener = other.clone();
    let relay = hub.reacting(move |_, event| {
        if let Event::Data(data) = event {
            let transport = to_listener.transport();
            transport.write(data);
            transport.lose_connection();
        }
    });
    world.connect((&speaker, speaker.quiet()), (&hub, relay));
    world.until(|| speaker.is_made() && hub.is_made());
    speaker.transport().write(b"pass it on");
    world.until(|| listener.is_over());
    assert_eq!(listener.story(), "made 'pass it on' read-lost lost");
}

pub(crate) fn five_megabytes_arrive(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let sent = pattern(5_000_000);
    server.transport().write(&sent);
    world.until(|| client.count() == sent.len());
    assert!(client.received() == sent);
}

pub(crate) fn what_was_written_is_counted_until_it_is_handed_over(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let transport = client.transport();
    assert_eq!(transport.buffered(), 0);
    transport.write(b"eleven bytes"[..11].as_ref());
    assert!(transport.buffered() >= 11);
    world.until(|| server.count() == 11);
    assert_eq!(transport.buffered(), 0);
}

pub(crate) fn a_transport_knows_both_ends(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    assert_eq!(client.transport().peer(), server.transport().host());
    assert_eq!(server.transport().peer(), client.transport().host());
    drop(world);
    assert_eq!(client.transport().peer(), retwist_reactor::Address::Unknown);
}
