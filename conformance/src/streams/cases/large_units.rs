//! One write may have any size: the output limit is looked at before its first byte, and
//! what a layer adds of its own counts against no limit.

use retwist_reactor::TransportRef;

use crate::streams::{Event, How, Kind, Peer, World, pattern};

/// So little may wait that each write is above it.
fn limited(mut how: How) -> How {
    how.server.output_limit = 1000;
    how
}

fn sends_all(kind: Kind, how: How, send: impl FnOnce(&TransportRef, &[u8])) {
    let (client, server) = (Peer::new(), Peer::new());
    let how = limited(how);
    let world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    let much = pattern(kind.much());
    send(&server.transport(), &much);
    world.until_over();
    assert!(server.reason().is_clean(), "{}", server.reason());
    assert_eq!(client.count(), much.len(), "{}", client.reason());
    assert!(client.received() == much);
    assert!(client.reason().is_clean(), "{}", client.reason());
}

pub(crate) fn a_write_above_the_limit_arrives_before_a_close(kind: Kind, how: How) {
    sends_all(kind, how, |transport, much| {
        transport.write(much);
        transport.lose_connection();
    });
}

pub(crate) fn a_write_above_the_limit_arrives_before_a_half_close(kind: Kind, how: How) {
    // The client closes when it hears of the end.
    sends_all(kind, how, |transport, much| {
        transport.write(much);
        transport.lose_write_connection();
    });
}

pub(crate) fn a_sequence_above_the_limit_is_one_write(kind: Kind, how: How) {
    sends_all(kind, how, |transport, much| {
        let pieces: Vec<_> = much.chunks(999).collect();
        transport.write_sequence(&pieces);
        transport.lose_connection();
    });
}

pub(crate) fn a_write_in_a_callback_is_one_unit_too(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let answers = server.reacting(move |transport, event| {
        if let Event::Data(_) = event {
            let much = pattern(kind.much());
            let (half, rest) = much.split_at(kind.much() / 2);
            transport.write_sequence(&[half, rest]);
            transport.lose_connection();
        }
    });
    let how = limited(how);
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, answers));
    client.transport().write(b"go");
    world.until_over();
    assert!(server.reason().is_clean(), "{}", server.reason());
    assert_eq!(client.count(), kind.much(), "{}", client.reason());
}
