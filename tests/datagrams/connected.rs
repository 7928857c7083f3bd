//! Connected ports: one peer, whose absence is told.

use retwist::{Address, UdpError};

use crate::peer::{Event, Peer};
use crate::way::Way;

over_every_way! {
    a_conversation,
    only_the_peer_is_heard,
    a_peer_that_does_not_listen_is_told,
    the_peer_may_listen_later,
    a_refusal_costs_no_datagram,
    a_port_is_connected_once,
    sending_to_another_is_told,
    connected_in_a_callback,
}

fn connected<W: Way>(there: &Address) -> retwist::UdpListen {
    W::free().connected_to(there.socket().unwrap())
}

fn a_conversation<W: Way>(way: W) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = way.listen(W::free(), server.echoing());
    let (_port, here) = way.listen(
        connected::<W>(&there),
        client.reacting(|transport, event| {
            if *event == Event::Started {
                transport.send(b"one");
                transport.send(b"");
                let peer = transport.peer().unwrap();
                transport.send_to(b"three", &peer);
            }
        }),
    );
    way.until(|| client.received().len() == 3);
    assert_eq!(client.received(), [&b"one"[..], b"", b"three"]);
    assert_eq!(
        server.events()[1],
        Event::Received(b"one".to_vec(), here.clone())
    );
    assert_eq!(client.transport().peer(), Some(there));
    assert_eq!(client.transport().host(), here);
}

fn only_the_peer_is_heard<W: Way>(way: W) {
    let (server, stranger, client) = (Peer::new(), Peer::new(), Peer::new());
    let (_port, there) = way.listen(W::free(), server.quiet());
    way.listen(W::free(), stranger.quiet());
    let (_port, here) = way.listen(connected::<W>(&there), client.quiet());
    way.until(|| {
        [&server, &stranger, &client]
            .iter()
            .all(|peer| !peer.events().is_empty())
    });
    stranger.transport().send_to(b"false", &here);
    server.transport().send_to(b"true", &here);
    way.until(|| !client.received().is_empty());
    way.comes_to_rest();
    assert_eq!(client.received(), [b"true"]);
}

/// An address on which nothing listens.
fn silent<W: Way>(way: &W) -> Address {
    let peer = Peer::new();
    let (port, there) = way.listen(W::free(), peer.quiet());
    port.stop_listening();
    way.comes_to_rest();
    there
}

fn a_peer_that_does_not_listen_is_told<W: Way>(way: W) {
    let client = Peer::new();
    let there = silent(&way);
    let (port, _) = way.listen(
        connected::<W>(&there),
        client.reacting(|transport, event| {
            if *event == Event::Started {
                transport.send(b"anyone?");
            }
        }),
    );
    way.until(|| client.has(&Event::Refused));
    way.comes_to_rest();
    assert_eq!(client.events(), [Event::Started, Event::Refused]);
    assert!(port.is_listening());
}

fn the_peer_may_listen_later<W: Way>(way: W) {
    let (server, client) = (Peer::new(), Peer::new());
    let there = silent(&way);
    way.listen(connected::<W>(&there), client.quiet());
    way.until(|| !client.events().is_empty());
    client.transport().send(b"anyone?");
    way.until(|| client.has(&Event::Refused));
    way.listen(there.socket().unwrap().into(), server.echoing());
    client.transport().send(b"now?");
    way.until(|| !client.received().is_empty());
    assert_eq!(client.received(), [b"now?"]);
}

/// The system reports a refusal in the next call, whatever that is: the datagram that it was to send
/// is sent nevertheless.
fn a_refusal_costs_no_datagram<W: Way>(way: W) {
    let (server, client) = (Peer::new(), Peer::new());
    let there = silent(&way);
    way.listen(connected::<W>(&there), client.quiet());
    way.until(|| !client.events().is_empty());
    let transport = client.transport();
    transport.send(b"lost");
    // Out, and refused, but not read.
    way.clock().call_soon(|| {});
    transport.send(b"lost too");
    way.until(|| client.has(&Event::Refused));
    way.listen(there.socket().unwrap().into(), server.quiet());
    for data in [b"1", b"2", b"3"] {
        transport.send(data);
    }
    way.until(|| server.received().len() == 3);
    assert_eq!(server.received(), [b"1", b"2", b"3"]);
    assert_eq!(client.count(|event| matches!(event, Event::Failed(..))), 0);
}

fn a_port_is_connected_once<W: Way>(way: W) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = way.listen(W::free(), server.quiet());
    way.listen(connected::<W>(&there), client.quiet());
    way.until(|| !client.events().is_empty());
    let again = client.transport().connect(&there);
    assert!(matches!(again, Err(UdpError::AlreadyConnected(peer)) if peer == there));
}

fn sending_to_another_is_told<W: Way>(way: W) {
    let (server, other, client) = (Peer::new(), Peer::new(), Peer::new());
    let (_port, there) = way.listen(W::free(), server.quiet());
    let (_port, elsewhere) = way.listen(W::free(), other.quiet());
    way.listen(
        connected::<W>(&there),
        client.reacting(move |transport, event| {
            if *event == Event::Started {
                transport.send_to(b"stray", &elsewhere);
                transport.send(b"right");
            }
        }),
    );
    way.until(|| !server.received().is_empty() && client.events().len() == 2);
    assert_eq!(client.events()[1], Event::Failed("Connected".to_owned(), 1));
    way.comes_to_rest();
    assert_eq!(other.received().len(), 0);
}

fn connected_in_a_callback<W: Way>(way: W) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = way.listen(W::free(), server.echoing());
    way.listen(
        W::free(),
        client.reacting(move |transport, event| {
            if *event == Event::Started {
                assert_eq!(transport.peer(), None);
                transport.send_to(b"before", &there);
                transport.connect(&there).unwrap();
                transport.send(b"after");
            }
        }),
    );
    way.until(|| client.received().len() == 2);
    assert_eq!(client.received(), [&b"before"[..], b"after"]);
}
