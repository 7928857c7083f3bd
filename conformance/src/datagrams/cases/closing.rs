//! Closing, opening again, and the reactor's end: each start has its stop.

use retwist_reactor::{Address, ListenError};

use crate::datagrams::{Event, Open, Peer, World};

fn stopped() -> Event {
    Event::Stopped("Done".to_owned())
}

pub(crate) fn a_stop_in_each_callback_is_told_once_and_not_in_it(world: World) {
    let is_it: [fn(&Event) -> bool; 2] = [
        |event| *event == Event::Started,
        |event| matches!(event, Event::Received(..)),
    ];
    for is_it in is_it {
        let (server, client) = (Peer::new(), Peer::new());
        let myself = server.clone();
        let (port, there) = world.listen(
            Open::free(),
            server.reacting(move |transport, event| {
                if is_it(event) {
                    transport.stop_listening();
                    assert!(!myself.is_stopped() && !transport.is_listening());
                }
            }),
        );
        world.listen(
            Open::free(),
            client.reacting(move |transport, event| {
                if *event == Event::Started {
                    transport.send_to(b"hello", &there);
                }
            }),
        );
        world.until(|| server.is_stopped());
        world.comes_to_rest();
        assert_eq!(server.events().last(), Some(&stopped()));
        assert_eq!(server.count(|event| matches!(event, Event::Stopped(_))), 1);
        assert!(!port.is_listening());
    }
}

pub(crate) fn stopping_twice_is_once(world: World) {
    let server = Peer::new();
    let (port, _) = world.listen(Open::free(), server.quiet());
    world.until(|| !server.events().is_empty());
    port.stop_listening();
    server.transport().stop_listening();
    world.until(|| server.is_stopped());
    port.stop_listening();
    world.comes_to_rest();
    assert_eq!(server.events(), [Event::Started, stopped()]);
}

pub(crate) fn what_was_sent_before_goes_out_and_nothing_after(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = world.listen(Open::free(), server.quiet());
    world.listen(
        Open::free(),
        client.reacting(move |transport, event| {
            if *event == Event::Started {
                transport.send_to(b"goodbye", &there);
                transport.stop_listening();
                transport.send_to(b"too late", &there);
            }
        }),
    );
    world.until(|| client.is_stopped() && !server.received().is_empty());
    world.comes_to_rest();
    assert_eq!(server.received(), [b"goodbye"]);
    assert_eq!(client.events(), [Event::Started, stopped()]);
}

pub(crate) fn nothing_is_delivered_after_a_stop(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = world.listen(
        Open::free(),
        server.reacting(|transport, event| {
            if matches!(event, Event::Received(data, _) if data == b"2") {
                transport.stop_listening();
            }
        }),
    );
    world.listen(
        Open::free(),
        client.reacting(move |transport, event| {
            if *event == Event::Started {
                for data in [b"1", b"2", b"3", b"4"] {
                    transport.send_to(data, &there);
                }
            }
        }),
    );
    world.until(|| server.is_stopped());
    world.comes_to_rest();
    assert_eq!(server.received(), [b"1", b"2"]);
}

pub(crate) fn a_port_is_opened_again(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (port, there) = world.listen(Open::free(), server.quiet());
    world.listen(Open::free(), client.quiet());
    world.until(|| !server.events().is_empty() && !client.events().is_empty());
    for _ in 0..3 {
        port.stop_listening();
        world.until(|| server.events().last() == Some(&stopped()));
        port.start_listening().unwrap();
        assert_eq!(port.address(), there);
        client.transport().send_to(b"hello", &there);
        world.until(|| matches!(server.events().last(), Some(Event::Received(..))));
    }
    let starts = server.count(|event| *event == Event::Started);
    let stops = server.count(|event| *event == stopped());
    assert_eq!((starts, stops), (4, 3));
}

pub(crate) fn opened_again_before_it_hears_of_the_close(world: World) {
    let server = Peer::new();
    let (port, _) = world.listen(Open::free(), server.quiet());
    world.until(|| !server.events().is_empty());
    port.stop_listening();
    port.start_listening().unwrap();
    world.until(|| server.events().len() == 3);
    world.comes_to_rest();
    assert_eq!(server.events(), [Event::Started, stopped(), Event::Started]);
}

pub(crate) fn opened_twice_is_an_error(world: World) {
    let server = Peer::new();
    let (port, _) = world.listen(Open::free(), server.quiet());
    assert!(matches!(
        port.start_listening(),
        Err(ListenError::AlreadyListening)
    ));
}

pub(crate) fn closed_before_it_started_it_hears_nothing(world: World) {
    let server = Peer::new();
    let (port, _) = world.listen(Open::free(), server.quiet());
    port.stop_listening();
    world.comes_to_rest();
    assert_eq!(server.events(), []);
}

pub(crate) fn an_address_in_use_is_an_error(world: World) {
    let (server, other) = (Peer::new(), Peer::new());
    let (_port, there) = world.listen(Open::free(), server.quiet());
    let second = world.try_listen(Open::at(&there), other.quiet());
    assert!(
        matches!(second, Err(ListenError::AddressInUse(address, _)) if address.to_string() == there.to_string())
    );
    world.comes_to_rest();
    assert_eq!(other.events(), []);
}

pub(crate) fn the_end_of_the_loop_is_told(world: World) {
    let server = Peer::new();
    let (port, _) = world.listen(Open::free(), server.quiet());
    world.until(|| !server.events().is_empty());
    drop(world);
    let ended = Event::Stopped("ReactorStopped".to_owned());
    assert_eq!(server.events(), [Event::Started, ended]);
    assert!(!port.is_listening());
    assert!(matches!(
        port.start_listening(),
        Err(ListenError::ReactorGone)
    ));
}

pub(crate) fn a_transport_that_has_gone_does_nothing(world: World) {
    let (server, client) = (Peer::new(), Peer::new());
    let (port, there) = world.listen(Open::free(), server.quiet());
    world.listen(Open::free(), client.quiet());
    world.until(|| !server.events().is_empty() && !client.events().is_empty());
    let transport = server.transport();
    port.stop_listening();
    drop(port);
    world.until(|| server.is_stopped());
    world.comes_to_rest();
    transport.send_to(b"nothing", &there);
    transport.send(b"nothing");
    transport.stop_listening();
    transport.pause_producing();
    transport.resume_producing();
    assert!(!transport.is_listening());
    assert_eq!(transport.host(), Address::Unknown);
    assert_eq!((transport.peer(), transport.buffered()), (None, 0));
    assert!(transport.connect(&there).is_err());
    assert!(transport.set_broadcast(true).is_err());
    world.comes_to_rest();
    assert_eq!(server.events(), [Event::Started, stopped()]);
}

/// Though the protocol keeps its transport.
pub(crate) fn the_protocol_is_freed(world: World) {
    let server = Peer::new();
    let alive = std::rc::Rc::new(());
    let held = alive.clone();
    let mut kept = Vec::new();
    let (port, _) = world.listen(
        Open::free(),
        server.reacting(move |transport, _| {
            let _ = &held;
            kept.push(transport.clone());
        }),
    );
    world.until(|| !server.events().is_empty());
    assert_eq!(std::rc::Rc::strong_count(&alive), 2);
    port.stop_listening();
    drop(port);
    world.until(|| server.is_stopped());
    world.comes_to_rest();
    assert_eq!(std::rc::Rc::strong_count(&alive), 1);
}
