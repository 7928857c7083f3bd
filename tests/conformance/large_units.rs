//! One write may be as large as it likes: the output limit is looked at before its first byte, and
//! what a layer adds of its own counts against no limit.

use retwist::TransportRef;

use crate::delivery::pattern;
use crate::peer::{Event, Peer};
use crate::way::{How, Way};
use crate::world::World;

over_every_way! {
    a_write_above_the_limit_arrives_before_a_close,
    a_write_above_the_limit_arrives_before_a_half_close,
    a_sequence_above_the_limit_is_one_write,
    a_write_in_a_callback_is_one_unit_too,
}

/// So little may wait that each write is above it.
fn limited(mut how: How) -> How {
    how.server.output_limit = 1000;
    how
}

fn sends_all<W: Way>(how: How, send: impl FnOnce(&TransportRef, &[u8])) {
    let (client, server) = (Peer::new(), Peer::new());
    let how = limited(how);
    let world = World::<W>::connected(how, (&client, client.quiet()), (&server, server.quiet()));
    let much = pattern(W::MUCH);
    send(&server.transport(), &much);
    world.until_over();
    assert!(server.reason().is_clean(), "{}", server.reason());
    assert_eq!(client.count(), much.len(), "{}", client.reason());
    assert!(client.received() == much);
    assert!(client.reason().is_clean(), "{}", client.reason());
}

fn a_write_above_the_limit_arrives_before_a_close<W: Way>(how: How) {
    sends_all::<W>(how, |transport, much| {
        transport.write(much);
        transport.lose_connection();
    });
}

fn a_write_above_the_limit_arrives_before_a_half_close<W: Way>(how: How) {
    // The client closes when it hears of the end.
    sends_all::<W>(how, |transport, much| {
        transport.write(much);
        transport.lose_write_connection();
    });
}

fn a_sequence_above_the_limit_is_one_write<W: Way>(how: How) {
    sends_all::<W>(how, |transport, much| {
        let pieces: Vec<_> = much.chunks(999).collect();
        transport.write_sequence(&pieces);
        transport.lose_connection();
    });
}

fn a_write_in_a_callback_is_one_unit_too<W: Way>(how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let answers = server.reacting(|transport, event| {
        if let Event::Data(_) = event {
            let much = pattern(W::MUCH);
            let (half, rest) = much.split_at(W::MUCH / 2);
            transport.write_sequence(&[half, rest]);
            transport.lose_connection();
        }
    });
    let how = limited(how);
    let world = World::<W>::connected(how, (&client, client.quiet()), (&server, answers));
    client.transport().write(b"go");
    world.until_over();
    assert!(server.reason().is_clean(), "{}", server.reason());
    assert_eq!(client.count(), W::MUCH, "{}", client.reason());
}
