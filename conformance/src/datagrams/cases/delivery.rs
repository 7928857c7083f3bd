//! What arrives: whole, in order, once, of any length.

use std::cell::Cell;
use std::rc::Rc;

use retwist_reactor::Address;

use crate::datagrams::{Event, Open, Peer, World};

pub(crate) fn an_echo(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = world.listen(Open::free(), server.echoing());
    let to = there.clone();
    let greets = client.reacting(move |transport, event| {
        if *event == Event::Started {
            transport.send_to(b"hello", &to);
        }
    });
    let (_other, here) = world.listen(Open::free(), greets);
    world.until(|| !client.received().is_empty());
    assert_eq!(
        server.events(),
        [
            Event::Started,
            Event::Received(b"hello".to_vec(), here.clone())
        ]
    );
    assert_eq!(
        client.events(),
        [
            Event::Started,
            Event::Received(b"hello".to_vec(), there.clone())
        ]
    );
    assert!(there != Address::Unknown && there != here);
    assert_eq!(client.transport().host(), here);
}

pub(crate) fn of_every_length(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = world.listen(Open::free(), server.echoing());
    world.listen(Open::free(), client.quiet());
    world.until(|| !client.events().is_empty());
    for length in [
        0,
        1,
        2,
        511,
        1472,
        1473,
        9000,
        world.kind().facts().longest(),
    ] {
        let before = client.received().len();
        let data: Vec<u8> = (0..length).map(|byte| (byte % 251) as u8).collect();
        client.transport().send_to(&data, &there);
        world.until(|| client.received().len() > before);
        assert!(client.received()[before] == data, "{length} bytes");
    }
}

pub(crate) fn a_burst_in_order(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = world.listen(Open::free(), server.echoing());
    world.listen(Open::free(), client.quiet());
    world.until(|| !client.events().is_empty());
    // More than one system call takes, and fewer than the system's buffers hold.
    let burst: Vec<Vec<u8>> = (0..150_u8)
        .map(|number| vec![number; usize::from(number % 5)])
        .collect();
    for data in &burst {
        client.transport().send_to(data, &there);
    }
    world.until(|| client.received().len() == burst.len());
    assert_eq!(server.received(), burst);
    assert_eq!(client.received(), burst);
    assert_eq!(client.transport().buffered(), 0);
}

pub(crate) fn a_long_one_is_told_as_cut(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = world.listen(Open::free().max_datagram(100), server.echoing());
    world.listen(Open::free(), client.quiet());
    world.until(|| !client.events().is_empty());
    for length in [99, 100, 101, 5000, 3] {
        client.transport().send_to(&vec![7; length], &there);
    }
    world.until(|| client.received().len() == 3);
    let lengths = |event: &Event| match event {
        Event::Received(data, _) => (true, data.len()),
        Event::Cut(start) => (false, start.len()),
        other => panic!("{other:?}"),
    };
    let told: Vec<_> = server.events()[1..].iter().map(lengths).collect();
    assert_eq!(
        told,
        [
            (true, 99),
            (true, 100),
            (false, 100),
            (false, 100),
            (true, 3)
        ]
    );
}

/// Two ports that send to each other without end, and a third that is answered nevertheless, and a
/// timer that comes.
pub(crate) fn a_port_that_is_busy_does_not_keep_others_waiting(world: World) {
    let ends = Peer::new();
    let ended = Rc::new(Cell::new(false));
    let peers = [(); 2].map(|()| Peer::new());
    let plays = |peer: &Peer| {
        let ended = ended.clone();
        peer.reacting(move |transport, event| {
            if let Event::Received(data, from) = event
                && !ended.get()
            {
                transport.send_to(data, from);
            }
        })
    };
    let (_one, there) = world.listen(Open::free(), plays(&peers[0]));
    world.listen(Open::free(), plays(&peers[1]));
    world.until(|| peers.iter().all(|peer| !peer.events().is_empty()));
    for _ in 0..20 {
        peers[1].transport().send_to(b"ball", &there);
    }
    let timer = Rc::new(Cell::new(false));
    let rings = timer.clone();
    world
        .clock()
        .call_later(std::time::Duration::from_millis(1), move || rings.set(true));
    // Memory would play on within one moment of its time.
    let stop = ended.clone();
    let seen = peers[0].clone();
    world.clock().call_soon(move || watch(seen, stop));
    world.listen(
        Open::free(),
        ends.reacting(move |transport, event| {
            if *event == Event::Started {
                transport.send_to(b"ball", &there);
            }
        }),
    );
    world.until(|| timer.get() && !ends.received().is_empty());
}

/// Ends the game once it has gone on for long enough. It runs on the same loop, so it would not be
/// called if the players kept that to themselves.
fn watch(player: Peer, stop: Rc<Cell<bool>>) {
    let transport = player.transport();
    if player.received().len() > 500 {
        stop.set(true);
    } else {
        transport.clock().call_soon(move || watch(player, stop));
    }
}

pub(crate) fn sent_from_a_timer(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = world.listen(Open::free(), server.quiet());
    world.listen(Open::free(), client.quiet());
    world.until(|| !client.events().is_empty());
    let transport = client.transport();
    world
        .clock()
        .call_later(std::time::Duration::from_millis(1), move || {
            transport.send_to(b"one", &there);
            transport.send_to(b"two", &there);
        });
    world.until(|| server.received().len() == 2);
    assert_eq!(server.received(), [b"one", b"two"]);
}

/// A relay: what one port receives, another sends.
pub(crate) fn a_port_that_is_sent_to_from_another(world: World) {
    let (server, outward, inward, client) = (Peer::new(), Peer::new(), Peer::new(), Peer::new());
    let (_port, there) = world.listen(Open::free(), server.quiet());
    world.listen(Open::free(), outward.quiet());
    world.until(|| !outward.events().is_empty());
    let sends = outward.transport();
    let (_relay, relay) = world.listen(
        Open::free(),
        inward.reacting(move |_, event| {
            if let Event::Received(data, _) = event {
                sends.send_to(data, &there);
            }
        }),
    );
    world.listen(
        Open::free(),
        client.reacting(move |transport, event| {
            if *event == Event::Started {
                transport.send_to(b"passed on", &relay);
            }
        }),
    );
    world.until(|| server.received() == [b"passed on"]);
}

pub(crate) fn the_first_callback_is_start_protocol(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    world.listen(Open::free(), client.quiet());
    world.until(|| !client.events().is_empty());
    let (_port, there) = world.listen(Open::free(), server.quiet());
    assert_eq!(server.events(), []);
    client.transport().send_to(b"early", &there);
    world.until(|| !server.received().is_empty());
    assert_eq!(server.events()[0], Event::Started);
}
