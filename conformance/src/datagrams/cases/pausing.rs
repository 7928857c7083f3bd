//! A paused protocol gets nothing, at once, and later all of it.

use crate::datagrams::{Event, Open, Peer, World};

pub(crate) fn paused_in_the_middle_of_a_batch(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = world.listen(
        Open::free(),
        server.reacting(|transport, event| {
            if matches!(event, Event::Received(..)) {
                transport.pause_producing();
            }
        }),
    );
    world.listen(Open::free(), client.quiet());
    world.until(|| !client.events().is_empty());
    let sent: Vec<Vec<u8>> = (0..100_u8).map(|number| vec![number]).collect();
    for data in &sent {
        client.transport().send_to(data, &there);
    }
    for count in 1..=sent.len() {
        world.until(|| server.received().len() >= count);
        world.comes_to_rest();
        assert_eq!(server.received().len(), count);
        server.transport().resume_producing();
    }
    world.comes_to_rest();
    assert_eq!(server.received(), sent);
}

pub(crate) fn paused_and_resumed_by_its_owner(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (port, there) = world.listen(Open::free(), server.quiet());
    world.listen(Open::free(), client.quiet());
    world.until(|| !client.events().is_empty());
    port.pause_accepting();
    client.transport().send_to(b"waits", &there);
    world.comes_to_rest();
    assert_eq!(server.received().len(), 0);
    assert!(port.is_listening());
    port.resume_accepting();
    world.until(|| !server.received().is_empty());
}

pub(crate) fn paused_and_closed(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (port, there) = world.listen(
        Open::free(),
        server.reacting(|transport, event| {
            if matches!(event, Event::Received(..)) {
                transport.pause_producing();
            }
        }),
    );
    world.listen(Open::free(), client.quiet());
    world.until(|| !client.events().is_empty());
    for _ in 0..10 {
        client.transport().send_to(b"x", &there);
    }
    world.until(|| server.received().len() == 1);
    port.stop_listening();
    world.until(|| server.is_stopped());
    port.start_listening().unwrap();
    client.transport().send_to(b"new", &there);
    world.until(|| server.received().len() == 2);
    // It was paused again by that one; what was kept before the close is gone.
    assert_eq!(server.received(), [&b"x"[..], b"new"]);
}
