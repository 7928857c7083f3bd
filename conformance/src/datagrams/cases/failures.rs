//! Sends that fail: told in a later turn, and never fatal.

use retwist_reactor::Address;

use crate::datagrams::{Event, Open, Peer, World};

fn failed(kind: &str) -> Event {
    Event::Failed(kind.to_owned(), 1)
}

/// Sends what is given, in the callback that starts the protocol; returns what is told then, and
/// checks that the port serves on.
fn told(world: &World, data: &[u8], to: Option<Address>) -> Vec<Event> {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = world.listen(Open::free(), server.quiet());
    let myself = client.clone();
    let (good, data) = (there.clone(), data.to_vec());
    world.listen(
        Open::free(),
        client.reacting(move |transport, event| {
            if *event == Event::Started {
                transport.send_to(b"one", &good);
                match &to {
                    Some(to) => transport.send_to(&data, to),
                    None => transport.send(&data),
                }
                transport.send_to(b"two", &good);
                assert_eq!(myself.events().len(), 1, "told in the call");
            }
        }),
    );
    world.until(|| server.received().len() == 2);
    world.comes_to_rest();
    assert_eq!(server.received(), [b"one", b"two"]);
    client.events()[1..].to_vec()
}

pub(crate) fn too_long(world: World) {
    let long = vec![1; world.kind().facts().longest() + 1];
    let server = Peer::new();
    let (_port, there) = world.listen(Open::free(), server.quiet());
    assert_eq!(told(&world, &long, Some(there)), [failed("TooLong")]);
}

pub(crate) fn another_family(world: World) {
    let port = Peer::new();
    let (_port, here) = world.listen(Open::free(), port.quiet());
    let is_v6 = here.socket().is_some_and(|here| here.is_ipv6());
    let other = if is_v6 { "127.0.0.1:9" } else { "[::1]:9" };
    let to = Address::Udp(other.parse().unwrap());
    assert_eq!(told(&world, b"lost", Some(to)), [failed("AddressFamily")]);
}

pub(crate) fn no_address_at_all(world: World) {
    let to = Address::Memory("nowhere".into());
    assert_eq!(told(&world, b"lost", Some(to)), [failed("AddressFamily")]);
}

pub(crate) fn not_connected(world: World) {
    assert_eq!(told(&world, b"lost", None), [failed("NotConnected")]);
}

pub(crate) fn failures_in_a_row_are_one(world: World) {
    let client = Peer::new();
    world.listen(
        Open::free(),
        client.reacting(|transport, event| {
            if *event == Event::Started {
                for _ in 0..1000 {
                    transport.send(b"lost");
                }
            }
        }),
    );
    world.until(|| client.events().len() == 2);
    world.comes_to_rest();
    assert_eq!(
        client.events()[1..],
        [Event::Failed("NotConnected".to_owned(), 1000)]
    );
}

pub(crate) fn failing_in_answer_to_a_failure_does_not_hang(world: World) {
    let client = Peer::new();
    let myself = client.clone();
    world.listen(
        Open::free(),
        client.reacting(move |transport, _| {
            if myself.events().len() < 50 {
                transport.send(b"lost");
            }
        }),
    );
    world.until(|| client.events().len() == 50);
    world.comes_to_rest();
    assert_eq!(client.events().len(), 50);
}

pub(crate) fn a_broadcast_without_permission(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = world.listen(Open::free(), server.quiet());
    let everyone = Address::Udp(([255, 255, 255, 255], 9).into());
    world.listen(
        Open::shared(0),
        client.reacting(move |transport, event| {
            if *event == Event::Started {
                transport.send_to(b"lost", &everyone);
                transport.send_to(b"sent", &there);
            }
        }),
    );
    world.until(|| !server.received().is_empty() && client.events().len() > 1);
    // A machine without any network has no way there either.
    let told = client.events()[1].clone();
    assert!(
        told == failed("BroadcastForbidden") || told == failed("Unreachable"),
        "{told:?}"
    );
}
