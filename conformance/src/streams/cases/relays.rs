//! Two connections that are joined: how one of them ends is how the other one ends.

use retwist_protocols::Relay;

use crate::streams::{Ability, Event, How, Kind, Peer, World, pattern};

/// Two peers and a relay between them.
fn joined(
    kind: Kind,
    how: How,
    client: (&Peer, retwist_reactor::ProtocolRef),
    server: (&Peer, retwist_reactor::ProtocolRef),
) -> World {
    let (inbound, outbound) = Relay::pair();
    let mut world = World::new(kind, how);
    let (one, other) = (client.0.clone(), server.0.clone());
    world.connect(client, (&Peer::new(), inbound.into()));
    world.connect((&Peer::new(), outbound.into()), server);
    world.until(move || one.is_made() && other.is_made());
    world
}

pub(crate) fn what_ends_in_order_ends_in_order_behind_a_relay(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let answers = server.reacting(|transport, event| {
        if let Event::Data(_) = event {
            transport.write(&pattern(3_000));
            transport.lose_connection();
        }
    });
    let world = joined(kind, how, (&client, client.quiet()), (&server, answers));
    client.transport().write(b"?");
    world.until_over();
    assert_eq!(client.received(), pattern(3_000));
    assert!(client.reason().is_clean(), "{}", client.reason());
    assert!(server.reason().is_clean(), "{}", server.reason());
}

pub(crate) fn a_server_that_breaks_off_is_no_clean_end(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = joined(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    server.transport().write(&pattern(5_000));
    world.until(|| client.count() == 5_000);
    server.transport().abort_connection();
    world.until_over();
    assert!(
        !client.reason().is_clean() || !kind.can(Ability::ShowBreak),
        "{}",
        client.reason()
    );
}

pub(crate) fn a_client_that_breaks_off_is_no_clean_end(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = joined(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    client.transport().write(&pattern(5_000));
    world.until(|| server.count() == 5_000);
    client.transport().abort_connection();
    world.until_over();
    assert!(
        !server.reason().is_clean() || !kind.can(Ability::ShowBreak),
        "{}",
        server.reason()
    );
}
