//! Closing, opening again, and the reactor's end: each start has its stop.

use retwist::{Address, ListenError};

use crate::peer::{Event, Peer};
use crate::way::Way;

over_every_way! {
    a_stop_in_each_callback_is_told_once_and_not_in_it,
    stopping_twice_is_once,
    what_was_sent_before_goes_out_and_nothing_after,
    nothing_is_delivered_after_a_stop,
    a_port_is_opened_again,
    opened_again_before_it_hears_of_the_close,
    opened_twice_is_an_error,
    closed_before_it_started_it_hears_nothing,
    an_address_in_use_is_an_error,
    the_end_of_the_loop_is_told,
    a_transport_that_has_gone_does_nothing,
    the_protocol_is_freed,
}

fn stopped() -> Event {
    Event::Stopped("Done".to_owned())
}

fn a_stop_in_each_callback_is_told_once_and_not_in_it<W: Way>(way: W) {
    let is_it: [fn(&Event) -> bool; 2] = [
        |event| *event == Event::Started,
        |event| matches!(event, Event::Received(..)),
    ];
    for is_it in is_it {
        let (server, client) = (Peer::new(), Peer::new());
        let myself = server.clone();
        let (port, there) = way.listen(
            W::free(),
            server.reacting(move |transport, event| {
                if is_it(event) {
                    transport.stop_listening();
                    assert!(!myself.is_stopped() && !transport.is_listening());
                }
            }),
        );
        way.listen(
            W::free(),
            client.reacting(move |transport, event| {
                if *event == Event::Started {
                    transport.send_to(b"hello", &there);
                }
            }),
        );
        way.until(|| server.is_stopped());
        way.comes_to_rest();
        assert_eq!(server.events().last(), Some(&stopped()));
        assert_eq!(server.count(|event| matches!(event, Event::Stopped(_))), 1);
        assert!(!port.is_listening());
    }
}

fn stopping_twice_is_once<W: Way>(way: W) {
    let server = Peer::new();
    let (port, _) = way.listen(W::free(), server.quiet());
    way.until(|| !server.events().is_empty());
    port.stop_listening();
    server.transport().stop_listening();
    way.until(|| server.is_stopped());
    port.stop_listening();
    way.comes_to_rest();
    assert_eq!(server.events(), [Event::Started, stopped()]);
}

fn what_was_sent_before_goes_out_and_nothing_after<W: Way>(way: W) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = way.listen(W::free(), server.quiet());
    way.listen(
        W::free(),
        client.reacting(move |transport, event| {
            if *event == Event::Started {
                transport.send_to(b"goodbye", &there);
                transport.stop_listening();
                transport.send_to(b"too late", &there);
            }
        }),
    );
    way.until(|| client.is_stopped() && !server.received().is_empty());
    way.comes_to_rest();
    assert_eq!(server.received(), [b"goodbye"]);
    assert_eq!(client.events(), [Event::Started, stopped()]);
}

fn nothing_is_delivered_after_a_stop<W: Way>(way: W) {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = way.listen(
        W::free(),
        server.reacting(|transport, event| {
            if matches!(event, Event::Received(data, _) if data == b"2") {
                transport.stop_listening();
            }
        }),
    );
    way.listen(
        W::free(),
        client.reacting(move |transport, event| {
            if *event == Event::Started {
                for data in [b"1", b"2", b"3", b"4"] {
                    transport.send_to(data, &there);
                }
            }
        }),
    );
    way.until(|| server.is_stopped());
    way.comes_to_rest();
    assert_eq!(server.received(), [b"1", b"2"]);
}

fn a_port_is_opened_again<W: Way>(way: W) {
    let (server, client) = (Peer::new(), Peer::new());
    let (port, there) = way.listen(W::free(), server.quiet());
    way.listen(W::free(), client.quiet());
    way.until(|| !server.events().is_empty() && !client.events().is_empty());
    for _ in 0..3 {
        port.stop_listening();
        way.until(|| server.events().last() == Some(&stopped()));
        port.start_listening().unwrap();
        assert_eq!(port.address(), there);
        client.transport().send_to(b"hello", &there);
        way.until(|| matches!(server.events().last(), Some(Event::Received(..))));
    }
    let starts = server.count(|event| *event == Event::Started);
    let stops = server.count(|event| *event == stopped());
    assert_eq!((starts, stops), (4, 3));
}

fn opened_again_before_it_hears_of_the_close<W: Way>(way: W) {
    let server = Peer::new();
    let (port, _) = way.listen(W::free(), server.quiet());
    way.until(|| !server.events().is_empty());
    port.stop_listening();
    port.start_listening().unwrap();
    way.until(|| server.events().len() == 3);
    way.comes_to_rest();
    assert_eq!(server.events(), [Event::Started, stopped(), Event::Started]);
}

fn opened_twice_is_an_error<W: Way>(way: W) {
    let server = Peer::new();
    let (port, _) = way.listen(W::free(), server.quiet());
    assert!(matches!(
        port.start_listening(),
        Err(ListenError::AlreadyListening)
    ));
}

fn closed_before_it_started_it_hears_nothing<W: Way>(way: W) {
    let server = Peer::new();
    let (port, _) = way.listen(W::free(), server.quiet());
    port.stop_listening();
    way.comes_to_rest();
    assert_eq!(server.events(), []);
}

fn an_address_in_use_is_an_error<W: Way>(way: W) {
    let (server, other) = (Peer::new(), Peer::new());
    let (_port, there) = way.listen(W::free(), server.quiet());
    let taken = there.socket().unwrap();
    let second = way
        .reactor()
        .listen_datagrams(taken.into(), other.quiet().into());
    assert!(
        matches!(second, Err(ListenError::AddressInUse(address, _)) if address .socket() == Some(taken))
    );
    way.comes_to_rest();
    assert_eq!(other.events(), []);
}

fn the_end_of_the_loop_is_told<W: Way>(way: W) {
    let server = Peer::new();
    let (port, _) = way.listen(W::free(), server.quiet());
    way.until(|| !server.events().is_empty());
    drop(way);
    let ended = Event::Stopped("ReactorStopped".to_owned());
    assert_eq!(server.events(), [Event::Started, ended]);
    assert!(!port.is_listening());
    assert!(matches!(
        port.start_listening(),
        Err(ListenError::ReactorGone)
    ));
}

fn a_transport_that_has_gone_does_nothing<W: Way>(way: W) {
    let (server, client) = (Peer::new(), Peer::new());
    let (port, there) = way.listen(W::free(), server.quiet());
    way.listen(W::free(), client.quiet());
    way.until(|| !server.events().is_empty() && !client.events().is_empty());
    let transport = server.transport();
    port.stop_listening();
    drop(port);
    way.until(|| server.is_stopped());
    way.comes_to_rest();
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
    way.comes_to_rest();
    assert_eq!(server.events(), [Event::Started, stopped()]);
}

/// Though the protocol keeps its transport.
fn the_protocol_is_freed<W: Way>(way: W) {
    let server = Peer::new();
    let alive = std::rc::Rc::new(());
    let held = alive.clone();
    let mut kept = Vec::new();
    let (port, _) = way.listen(
        W::free(),
        server.reacting(move |transport, _| {
            let _ = &held;
            kept.push(transport.clone());
        }),
    );
    way.until(|| !server.events().is_empty());
    assert_eq!(std::rc::Rc::strong_count(&alive), 2);
    port.stop_listening();
    drop(port);
    way.until(|| server.is_stopped());
    way.comes_to_rest();
    assert_eq!(std::rc::Rc::strong_count(&alive), 1);
}
