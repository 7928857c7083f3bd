//! Connected ports: one peer, whose absence is told.

use retwist_reactor::{Address, UdpError};

use crate::datagrams::{Event, Open, Peer, World};

pub(crate) fn a_conversation(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = world.listen(Open::free(), server.echoing());
    let (_port, here) = world.listen(
        Open::free().connected_to(&there),
        client.reacting(|transport, event| {
            if *event == Event::Started {
                transport.send(b"one");
                transport.send(b"");
                let peer = transport.peer().unwrap();
                transport.send_to(b"three", &peer);
            }
        }),
    );
    world.until(|| client.received().len() == 3);
    assert_eq!(client.received(), [&b"one"[..], b"", b"three"]);
    assert_eq!(
        server.events()[1],
        Event::Received(b"one".to_vec(), here.clone())
    );
    assert_eq!(client.transport().peer(), Some(there));
    assert_eq!(client.transport().host(), here);
}

pub(crate) fn only_the_peer_is_heard(world: World) {
    let (server, stranger, client) = (Peer::new(), Peer::new(), Peer::new());
    let (_port, there) = world.listen(Open::free(), server.quiet());
    world.listen(Open::free(), stranger.quiet());
    let (_port, here) = world.listen(Open::free().connected_to(&there), client.quiet());
    world.until(|| {
        [&server, &stranger, &client]
            .iter()
            .all(|peer| !peer.events().is_empty())
    });
    stranger.transport().send_to(b"false", &here);
    server.transport().send_to(b"true", &here);
    world.until(|| !client.received().is_empty());
    world.comes_to_rest();
    assert_eq!(client.received(), [b"true"]);
}

/// An address on which nothing listens.
fn silent(world: &World) -> Address {
    let peer = Peer::new();
    let (port, there) = world.listen(Open::free(), peer.quiet());
    port.stop_listening();
    world.comes_to_rest();
    there
}

pub(crate) fn a_peer_that_does_not_listen_is_told(world: World) {
    let client = Peer::new();
    let there = silent(&world);
    let (port, _) = world.listen(
        Open::free().connected_to(&there),
        client.reacting(|transport, event| {
            if *event == Event::Started {
                transport.send(b"anyone?");
            }
        }),
    );
    world.until(|| client.has(&Event::Refused));
    world.comes_to_rest();
    assert_eq!(client.events(), [Event::Started, Event::Refused]);
    assert!(port.is_listening());
}

pub(crate) fn the_peer_may_listen_later(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let there = silent(&world);
    world.listen(Open::free().connected_to(&there), client.quiet());
    world.until(|| !client.events().is_empty());
    client.transport().send(b"anyone?");
    world.until(|| client.has(&Event::Refused));
    world.listen(Open::at(&there), server.echoing());
    client.transport().send(b"now?");
    world.until(|| !client.received().is_empty());
    assert_eq!(client.received(), [b"now?"]);
}

/// The system reports a refusal in the next call, whatever that is: the datagram that it was to send
/// is sent nevertheless.
pub(crate) fn a_refusal_costs_no_datagram(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let there = silent(&world);
    world.listen(Open::free().connected_to(&there), client.quiet());
    world.until(|| !client.events().is_empty());
    let transport = client.transport();
    transport.send(b"lost");
    // Out, and refused, but not read.
    world.clock().call_soon(|| {});
    transport.send(b"lost too");
    world.until(|| client.has(&Event::Refused));
    world.listen(Open::at(&there), server.quiet());
    for data in [b"1", b"2", b"3"] {
        transport.send(data);
    }
    world.until(|| server.received().len() == 3);
    assert_eq!(server.received(), [b"1", b"2", b"3"]);
    assert_eq!(client.count(|event| matches!(event, Event::Failed(..))), 0);
}

pub(crate) fn a_port_is_connected_once(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = world.listen(Open::free(), server.quiet());
    world.listen(Open::free().connected_to(&there), client.quiet());
    world.until(|| !client.events().is_empty());
    let again = client.transport().connect(&there);
    assert!(matches!(again, Err(UdpError::AlreadyConnected(peer)) if peer == there));
}

pub(crate) fn sending_to_another_is_told(world: World) {
    let (server, other, client) = (Peer::new(), Peer::new(), Peer::new());
    let (_port, there) = world.listen(Open::free(), server.quiet());
    let (_port, elsewhere) = world.listen(Open::free(), other.quiet());
    world.listen(
        Open::free().connected_to(&there),
        client.reacting(move |transport, event| {
            if *event == Event::Started {
                transport.send_to(b"stray", &elsewhere);
                transport.send(b"right");
            }
        }),
    );
    world.until(|| !server.received().is_empty() && client.events().len() == 2);
    assert_eq!(client.events()[1], Event::Failed("Connected".to_owned(), 1));
    world.comes_to_rest();
    assert_eq!(other.received().len(), 0);
}

pub(crate) fn connected_in_a_callback(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = world.listen(Open::free(), server.echoing());
    world.listen(
        Open::free(),
        client.reacting(move |transport, event| {
            if *event == Event::Started {
                assert_eq!(transport.peer(), None);
                transport.send_to(b"before", &there);
                transport.connect(&there).unwrap();
                transport.send(b"after");
            }
        }),
    );
    world.until(|| client.received().len() == 2);
    assert_eq!(client.received(), [&b"before"[..], b"after"]);
}
