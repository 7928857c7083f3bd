//! A drain: nothing new is accepted, and what is served comes to its own end, as long as there is time.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use retwist::{
    Address, DatagramProtocol, DatagramTransport, Hold, ListeningPort, Phase, Protocol, Reactor,
    ReactorState, Reason, SystemEvent, TcpConnect, TcpListen, TransportRef,
};

mod memory;
mod notice;
mod others;
#[cfg(unix)]
mod signals;

use crate::lifecycle::{Log, reactor};
use crate::shutdown::{connect, when};
use retwist_conformance::streams::{Event, Peer};

/// Longer than any of these tests lasts.
const LONG: Duration = Duration::from_secs(3600);

/// Echoes, and says what it hears. At `QUIT`, or when it is idle in a drain, it closes.
struct Server {
    log: Log,
    closes_when_idle: bool,
}

impl Protocol for Server {
    fn connection_made(&mut self, _: &TransportRef) {
        self.log.say("made");
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(data);
        if transport.is_draining() && self.closes_when_idle {
            transport.lose_connection();
        }
    }

    fn shutting_down(&mut self, transport: &TransportRef) {
        let draining = transport.is_draining();
        self.log.say(if draining { "drain" } else { "stop" });
        if !draining {
            transport.lose_connection();
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.log
            .say(if reason.is_clean() { "clean" } else { "broken" });
    }
}

fn serve(reactor: &Reactor, log: &Log, closes_when_idle: bool) -> ListeningPort {
    let log = log.clone();
    let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
    let build = move |_: &Address| Server {
        log: log.clone(),
        closes_when_idle,
    };
    reactor.listen_tcp(listen, build).unwrap()
}

#[test]
fn connections_finish_and_then_the_reactor_ends() {
    let (reactor, log) = (reactor(), Log::default());
    let port = serve(&reactor, &log, true);
    let client = Rc::new(RefCell::new(connect(&port)));
    let (handle, made) = (reactor.handle(), log.clone());
    when(
        &reactor,
        move || made.story() == "made",
        move || handle.drain(LONG),
    );
    let (asked, handle, writer) = (log.clone(), reactor.handle(), client.clone());
    when(
        &reactor,
        move || asked.story() == "made drain",
        move || {
            assert_eq!(handle.state(), ReactorState::Draining);
            assert!(handle.is_running());
            assert!(handle.drain_time_left().is_some_and(|left| left > LONG / 2));
            assert!(!port.is_listening());
            writer.borrow_mut().write_all(b"the last request").unwrap();
        },
    );
    reactor.run().unwrap();
    let mut heard = String::new();
    client.borrow_mut().read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "the last request");
    assert_eq!(log.story(), "made drain clean");
}

#[test]
fn what_waits_in_the_queue_of_a_port_is_served_before_it_is_asked() {
    let (reactor, log) = (reactor(), Log::default());
    let port = serve(&reactor, &log, false);
    let mut clients: Vec<_> = (0..20).map(|_| connect(&port)).collect();
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.drain(LONG));
    for client in &mut clients {
        client.write_all(b"hello").unwrap();
    }
    let all_are_asked = {
        let log = log.clone();
        move || log.story().matches("drain").count() == 20
    };
    let clients = Rc::new(RefCell::new(clients));
    let closed = clients.clone();
    when(&reactor, all_are_asked, move || {
        for mut client in closed.take() {
            let mut heard = [0; 5];
            client.read_exact(&mut heard).unwrap();
            assert_eq!(&heard, b"hello");
        }
    });
    reactor.run().unwrap();
    let story = log.story();
    assert_eq!(story.matches("clean").count(), 20, "{story}");
    assert!(!story.contains("stop"), "{story}");
}

#[test]
fn those_who_do_not_finish_in_time_are_asked_again_and_closed() {
    let (reactor, log) = (reactor(), Log::default());
    let port = serve(&reactor, &log, true);
    let mut client = connect(&port);
    let (handle, made) = (reactor.handle(), log.clone());
    when(
        &reactor,
        move || made.story() == "made",
        move || handle.drain(Duration::from_millis(30)),
    );
    reactor.run().unwrap();
    assert_eq!(log.story(), "made drain stop clean");
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_protocol_that_says_nothing_goes_on_until_its_peer_ends_or_the_time_is_up() {
    for leaves in [true, false] {
        let reactor = reactor();
        let server = Peer::new();
        let once = Cell::new(Some(server.echoing()));
        let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
        let port = reactor.listen_tcp(listen, move |_| once.take()).unwrap();
        let client = Rc::new(RefCell::new(Some(connect(&port))));
        let (handle, made) = (reactor.handle(), server.clone());
        when(&reactor, move || made.is_made(), move || handle.drain(LONG));
        let (handle, client) = (reactor.handle(), client.clone());
        when(
            &reactor,
            {
                let handle = reactor.handle();
                move || handle.state() == ReactorState::Draining && !port.is_listening()
            },
            move || {
                client
                    .borrow_mut()
                    .as_mut()
                    .unwrap()
                    .write_all(b"more")
                    .unwrap();
                let heard = server.clone();
                let handle_of_look = handle.clone();
                let look = move || heard.count() == 4;
                let then = move || {
                    if leaves {
                        client.take();
                    } else {
                        handle.drain(Duration::from_nanos(1));
                    }
                };
                crate::shutdown::look(handle_of_look, look, then);
            },
        );
        reactor.run().unwrap();
    }
}

#[test]
fn a_stop_cuts_a_drain_short_and_a_crash_gives_it_up() {
    let (reactor, log) = (reactor(), Log::default());
    let port = serve(&reactor, &log, true);
    let _client = connect(&port);
    let (handle, made) = (reactor.handle(), log.clone());
    when(
        &reactor,
        move || made.story() == "made",
        move || handle.drain(LONG),
    );
    let (handle, asked) = (reactor.handle(), log.clone());
    when(
        &reactor,
        move || asked.story() == "made drain",
        move || handle.crash(),
    );
    reactor.run().unwrap();
    assert_eq!(reactor.state(), ReactorState::Idle);
    assert!(reactor.drain_time_left().is_none());
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.drain(LONG));
    let (handle, asked) = (reactor.handle(), log.clone());
    when(
        &reactor,
        move || asked.story() == "made drain drain",
        move || handle.stop(),
    );
    reactor.run().unwrap();
    assert_eq!(log.story(), "made drain drain stop clean");
}

#[test]
fn a_drain_of_nothing_or_without_time_stops() {
    for longest in [Duration::ZERO, LONG, Duration::MAX] {
        let (reactor, log) = (reactor(), Log::default());
        serve(&reactor, &log, false);
        let handle = reactor.handle();
        reactor.call_when_running(move || handle.drain(longest));
        reactor.run().unwrap();
        assert_eq!(reactor.state(), ReactorState::Ended);
    }
}

#[test]
fn triggers_hold_the_ports_open_and_the_drain_under_way() {
    let (reactor, log) = (reactor(), Log::default());
    let port = serve(&reactor, &log, true);
    let held = Rc::new(RefCell::new(None::<Hold>));
    for (phase, word) in [
        (Phase::Before, "before"),
        (Phase::During, "during"),
        (Phase::After, "after"),
    ] {
        let (say, port, held) = (log.sayer(word), port.clone(), held.clone());
        reactor.add_system_event_trigger(phase, SystemEvent::Drain, move |hold| {
            say();
            assert_eq!(port.is_listening(), phase == Phase::Before);
            if phase != Phase::After {
                held.replace(Some(hold));
            }
        });
    }
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.drain(LONG));
    // It connects while the port is held open.
    let (begun, again) = (log.clone(), held.clone());
    let client = Rc::new(RefCell::new(None));
    let (kept, at) = (client.clone(), port.clone());
    when(
        &reactor,
        move || begun.story() == "before",
        move || {
            kept.replace(Some(connect(&at)));
        },
    );
    let made = log.clone();
    when(
        &reactor,
        move || made.story() == "before made",
        move || drop(again.take()),
    );
    let (asked, last) = (log.clone(), held.clone());
    let kept = client.clone();
    when(
        &reactor,
        move || asked.story() == "before made drain during",
        move || drop(kept.take()),
    );
    let over = log.clone();
    when(
        &reactor,
        move || over.story() == "before made drain during clean",
        move || drop(last.take()),
    );
    reactor.run().unwrap();
    assert_eq!(log.story(), "before made drain during clean after");
}

#[test]
fn no_hold_outlasts_the_time() {
    let reactor = reactor();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Drain, std::mem::forget);
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.drain(Duration::from_millis(10)));
    reactor.run().unwrap();
}

#[test]
fn a_handshake_that_is_under_way_comes_to_its_end() {
    use retwist::protocols::{FactoryPolicy, ProxyProtocol};

    let (reactor, log) = (reactor(), Log::default());
    let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
    let of_server = log.clone();
    let build = move |_: &Address| Server {
        log: of_server.clone(),
        closes_when_idle: true,
    };
    let factory = ProxyProtocol::trusting_anyone().factory(retwist::factory(build));
    let port = reactor.listen_tcp_factory(listen, factory).unwrap();
    let client = Rc::new(RefCell::new(connect(&port)));
    client
        .borrow_mut()
        .write_all(b"PROXY TCP4 192.0.2.1")
        .unwrap();
    let (handle, at) = (reactor.handle(), port.clone());
    when(
        &reactor,
        move || at.connections() == 1,
        move || handle.drain(LONG),
    );
    let (draining, writer) = (reactor.handle(), client.clone());
    when(
        &reactor,
        move || draining.state() == ReactorState::Draining && !port.is_listening(),
        move || {
            let rest = b" 192.0.2.2 1 2\r\nthe last request";
            writer.borrow_mut().write_all(rest).unwrap();
        },
    );
    reactor.run().unwrap();
    let mut heard = String::new();
    client.borrow_mut().read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "the last request");
    assert_eq!(log.story(), "made drain clean");
}

#[test]
fn a_protocol_is_told_once_of_a_drain_however_it_came_there() {
    let reactor = reactor();
    let log = Log::default();
    let server = Peer::new();
    let successor = Cell::new(Some(Server {
        log: log.clone(),
        closes_when_idle: true,
    }));
    let switches = server.reacting(move |transport, event| {
        if let Event::Data(_) = event
            && let Some(successor) = successor.take()
        {
            transport.switch_protocol(successor.into());
        }
    });
    let port = crate::shutdown::serve(&reactor, switches);
    let client = Rc::new(RefCell::new(connect(&port)));
    let (handle, made) = (reactor.handle(), server.clone());
    when(&reactor, move || made.is_made(), move || handle.drain(LONG));
    let (draining, writer) = (reactor.handle(), client.clone());
    when(
        &reactor,
        move || draining.state() == ReactorState::Draining && !port.is_listening(),
        move || writer.borrow_mut().write_all(b"STARTTLS").unwrap(),
    );
    let (told, last) = (log.clone(), client.clone());
    when(
        &reactor,
        move || told.story().contains("drain"),
        move || last.borrow_mut().write_all(b"the last request").unwrap(),
    );
    reactor.run().unwrap();
    assert_eq!(log.story(), "made drain clean");
}
