//! A paused protocol gets nothing, at once, and later all of it.

use crate::peer::{Event, Peer};
use crate::way::Way;

over_every_way! {
    paused_in_the_middle_of_a_batch,
    paused_and_resumed_by_its_owner,
    paused_and_closed,
}

fn paused_in_the_middle_of_a_batch<W: Way>(way: W) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = way.listen(
        W::free(),
        server.reacting(|transport, event| {
            if matches!(event, Event::Received(..)) {
                transport.pause_producing();
            }
        }),
    );
    way.listen(W::free(), client.quiet());
    way.until(|| !client.events().is_empty());
    let sent: Vec<Vec<u8>> = (0..100_u8).map(|number| vec![number]).collect();
    for data in &sent {
        client.transport().send_to(data, &there);
    }
    for count in 1..=sent.len() {
        way.until(|| server.received().len() >= count);
        way.comes_to_rest();
        assert_eq!(server.received().len(), count);
        server.transport().resume_producing();
    }
    way.comes_to_rest();
    assert_eq!(server.received(), sent);
}

fn paused_and_resumed_by_its_owner<W: Way>(way: W) {
    let (server, client) = (Peer::new(), Peer::new());
    let (port, there) = way.listen(W::free(), server.quiet());
    way.listen(W::free(), client.quiet());
    way.until(|| !client.events().is_empty());
    port.pause_accepting();
    client.transport().send_to(b"waits", &there);
    way.comes_to_rest();
    assert_eq!(server.received().len(), 0);
    assert!(port.is_listening());
    port.resume_accepting();
    way.until(|| !server.received().is_empty());
}

fn paused_and_closed<W: Way>(way: W) {
    let (server, client) = (Peer::new(), Peer::new());
    let (port, there) = way.listen(
        W::free(),
        server.reacting(|transport, event| {
            if matches!(event, Event::Received(..)) {
                transport.pause_producing();
            }
        }),
    );
    way.listen(W::free(), client.quiet());
    way.until(|| !client.events().is_empty());
    for _ in 0..10 {
        client.transport().send_to(b"x", &there);
    }
    way.until(|| server.received().len() == 1);
    port.stop_listening();
    way.until(|| server.is_stopped());
    port.start_listening().unwrap();
    client.transport().send_to(b"new", &there);
    way.until(|| server.received().len() == 2);
    // It was paused again by that one; what was kept before the close is gone.
    assert_eq!(server.received(), [&b"x"[..], b"new"]);
}
