//! The end of a reactor: every protocol hears of it, and what was written goes out.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::mem;
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use retwist::{
    Address, IntoProtocol, ListenError, ListeningPort, Phase, Protocol, ProtocolRef, Reactor,
    ReactorHandle, ReactorSettings, Reason, SystemEvent, TcpConnect, TcpListen, TransportRef,
};

use retwist::protocols::{Policy, Timeout};

use crate::lifecycle::{Log, reactor};
use retwist_conformance::streams::pattern;
use retwist_conformance::streams::{Event, Peer};

/// A port for one connection with `protocol`.
pub fn serve(reactor: &Reactor, protocol: ProtocolRef) -> ListeningPort {
    let once = Cell::new(Some(protocol));
    let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
    reactor.listen_tcp(listen, move |_| once.take()).unwrap()
}

pub fn connect(port: &ListeningPort) -> TcpStream {
    let client = TcpStream::connect(port.address()).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    client
}

#[test]
fn idle_and_paused_connections_hear_of_the_end() {
    let reactor = reactor();
    let (idle, paused) = (Peer::new(), Peer::new());
    let pauses = paused.reacting(|transport, event| {
        if let Event::Made = event {
            transport.pause_producing();
        }
    });
    let clients = [
        connect(&serve(&reactor, idle.quiet())),
        connect(&serve(&reactor, pauses)),
    ];
    let handle = reactor.handle();
    let (one, other) = (idle.clone(), paused.clone());
    stop_when(&reactor, move || one.is_made() && other.is_made());
    reactor.run().unwrap();
    assert_eq!(
        (idle.story(), paused.story()),
        ("made lost".to_owned(), "made lost".to_owned())
    );
    assert!(!handle.is_running());
    for mut client in clients {
        assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
    }
}

/// Stops the reactor in the first pass in which it is true.
pub fn stop_when(reactor: &Reactor, condition: impl Fn() -> bool + 'static) {
    let handle = reactor.handle();
    when(reactor, condition, move || handle.stop());
}

/// Calls `act` in the first pass in which `condition` is true.
pub fn when(
    reactor: &Reactor,
    condition: impl Fn() -> bool + 'static,
    act: impl FnOnce() + 'static,
) {
    let handle = reactor.handle();
    reactor.call_soon(move || look(handle, condition, act));
}

/// The same, for code that has only the handle.
pub fn look(
    handle: ReactorHandle,
    condition: impl Fn() -> bool + 'static,
    act: impl FnOnce() + 'static,
) {
    if condition() {
        return act();
    }
    let again = handle.clone();
    handle.call_later(Duration::from_millis(1), move || {
        look(again, condition, act)
    });
}

#[test]
fn what_was_written_is_sent_before_the_end() {
    let reactor = reactor();
    let server = Peer::new();
    let talks = server.reacting(|transport, event| {
        if let Event::Made = event {
            transport.write(&pattern(5_000_000));
        }
    });
    let mut client = connect(&serve(&reactor, talks));
    let made = server.clone();
    stop_when(&reactor, move || made.is_made());
    let reader = thread::spawn(move || {
        let mut received = Vec::new();
        client.read_to_end(&mut received).unwrap();
        received
    });
    reactor.run().unwrap();
    assert!(server.reason().is_clean());
    assert!(reader.join().unwrap() == pattern(5_000_000));
}

#[test]
fn a_peer_that_reads_nothing_holds_up_the_end_for_a_limited_time() {
    let settings = ReactorSettings {
        signals: false,
        shutdown_timeout: Duration::from_millis(20),
        ..ReactorSettings::default()
    };
    let reactor = Reactor::with_settings(settings).unwrap();
    let server = Peer::new();
    let talks = server.reacting(|transport, event| {
        if let Event::Made = event {
            transport.write(&pattern(12_000_000));
        }
    });
    let _client = connect(&serve(&reactor, talks));
    let made = server.clone();
    stop_when(&reactor, move || made.is_made());
    reactor.run().unwrap();
    assert!(matches!(server.reason(), Reason::ReactorStopped));
}

#[test]
fn what_a_layer_holds_back_is_sent_before_the_end() {
    let reactor = reactor();
    let server = Peer::new();
    let farewell = server.quiet();
    let mut client = connect(&serve(
        &reactor,
        retwist_conformance::streams::Farewell::under(farewell),
    ));
    let made = server.clone();
    stop_when(&reactor, move || made.is_made());
    reactor.run().unwrap();
    let mut received = String::new();
    client.read_to_string(&mut received).unwrap();
    assert_eq!(received, "farewell");
    assert!(server.reason().is_clean());
}

#[test]
fn ports_and_connections_are_closed_between_before_and_during() {
    let reactor = reactor();
    let (server, log) = (Peer::new(), Log::default());
    let say = log.sayer("lost");
    let tells = server.reacting(move |_, event| {
        if let Event::Lost = event {
            say();
        }
    });
    let port = serve(&reactor, tells);
    let _client = connect(&port);
    for (phase, word) in [
        (Phase::During, "during"),
        (Phase::After, "after"),
        (Phase::Before, "before"),
    ] {
        let (say, port) = (log.sayer(word), port.clone());
        reactor.add_system_event_trigger(phase, SystemEvent::Shutdown, move |_| {
            say();
            assert_eq!(port.is_listening(), phase == Phase::Before);
        });
    }
    let made = server.clone();
    stop_when(&reactor, move || made.is_made());
    reactor.run().unwrap();
    assert_eq!(log.story(), "before lost during after");
}

#[test]
fn a_connection_that_is_being_made_fails_at_the_end() {
    let reactor = reactor();
    let log = Log::default();
    let failed = Tells(log.clone());
    let nowhere = "192.0.2.1:9".parse().unwrap();
    let connector = reactor.connect_tcp_factory(TcpConnect::address(nowhere), failed);
    let handle = reactor.handle();
    reactor.call_soon(move || handle.stop());
    reactor.run().unwrap();
    assert!(log.story().starts_with("failed"), "{}", log.story());
    assert!(!connector.connect());
}

struct Tells(Log);

impl retwist::Factory for Tells {
    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        None::<ProtocolRef>
    }

    fn client_connection_failed(
        self: &Rc<Self>,
        connector: &retwist::Connector,
        _: &retwist::ConnectError,
    ) {
        self.0.say("failed");
        connector.connect();
    }

    fn stop_factory(self: &Rc<Self>) {
        self.0.say("stopped");
    }
}

#[test]
fn a_goodbye_may_need_a_connection() {
    let reactor = reactor();
    let (server, client) = (Peer::new(), Peer::new());
    let address = serve(&reactor, server.echoing()).address();
    let handle = reactor.handle();
    let heard = client.clone();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move |hold| {
        let hold = Cell::new(Some(hold));
        let protocol = Cell::new(Some(heard.reacting(move |transport, event| match event {
            Event::Made => transport.write(b"goodbye"),
            Event::Data(_) => drop(hold.take()),
            _ => {}
        })));
        let connect = TcpConnect::address(address.socket().unwrap());
        handle.connect_tcp(connect, move |_| protocol.take());
    });
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.stop());
    reactor.run().unwrap();
    assert_eq!(client.count(), 7);
}

#[test]
fn nothing_begins_on_a_reactor_that_has_ended() {
    let reactor = reactor();
    let port = serve(&reactor, Peer::new().quiet());
    let handle = reactor.handle();
    let (inside, tried) = (port.clone(), Rc::new(RefCell::new(Vec::new())));
    let results = tried.clone();
    reactor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, move |_| {
        results.borrow_mut().push(inside.start_listening());
    });
    reactor.call_when_running(move || handle.stop());
    reactor.run().unwrap();
    tried.borrow_mut().push(port.start_listening());
    for result in &*tried.borrow() {
        assert!(
            matches!(result, Err(ListenError::ReactorGone)),
            "{result:?}"
        );
    }
    assert!(!port.is_listening());
    let refused = reactor.listen_tcp(0, |_| None::<ProtocolRef>);
    assert!(matches!(refused, Err(ListenError::ReactorGone)));
    // A call that will not be made frees at once what it holds.
    let held = Rc::new(());
    for delay in [Duration::ZERO, Duration::MAX] {
        let holds = held.clone();
        let call = reactor.call_later(delay, move || drop(holds));
        assert!(!call.active() && call.when().is_none() && !call.cancel());
    }
    let holds = held.clone();
    reactor.call_soon(move || drop(holds));
    assert_eq!(Rc::strong_count(&held), 1);
}

#[test]
fn a_client_that_half_closed_gets_its_reply_at_the_end() {
    let reactor = reactor();
    let server = Peer::new();
    let mut client = connect(&serve(&reactor, server.echoing()));
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let heard = server.clone();
    stop_when(&reactor, move || heard.count() == 5);
    reactor.run().unwrap();
    let mut received = String::new();
    client.read_to_string(&mut received).unwrap();
    assert_eq!(received, "hello");
}

#[test]
fn an_end_at_once_waits_for_nothing() {
    // An end may wait for a hold, and for a peer that reads nothing.
    for stopped_before in [false, true] {
        let reactor = reactor();
        let (server, handle) = (Peer::new(), reactor.handle());
        let writes = server.reacting(move |transport, event| {
            if let Event::Made = event {
                transport.write(&pattern(8 * 1024 * 1024));
                if stopped_before {
                    handle.stop();
                }
                handle.stop_at_once();
                handle.stop_at_once();
            }
        });
        let client = connect(&serve(&reactor, writes));
        let kept = Rc::new(RefCell::new(None));
        let keep = kept.clone();
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move |hold| {
            keep.replace(Some(hold));
        });
        reactor.run().unwrap();
        assert!(matches!(server.reason(), Reason::ReactorStopped));
        assert!(kept.borrow().is_some());
        drop(client);
    }
}

#[test]
fn what_waits_in_the_queue_of_a_port_at_the_end_is_served() {
    let reactor = reactor();
    let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
    let port = reactor.listen_tcp(listen, |_| Echo).unwrap();
    let mut clients: Vec<_> = (0..50).map(|_| connect(&port)).collect();
    for client in &mut clients {
        client.write_all(b"hello").unwrap();
    }
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.stop());
    reactor.run().unwrap();
    for client in &mut clients {
        let mut heard = String::new();
        client.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "hello");
    }
}

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(data);
    }
}

#[test]
fn a_shutdown_may_take_as_long_as_it_likes() {
    let reactor = Reactor::with_settings(ReactorSettings {
        signals: false,
        shutdown_timeout: Duration::MAX,
        ..ReactorSettings::default()
    })
    .unwrap();
    let server = Peer::new();
    let client = connect(&serve(&reactor, server.quiet()));
    let (handle, made) = (reactor.handle(), server.clone());
    stop_when(&reactor, move || made.is_made());
    reactor.run().unwrap();
    assert!(!handle.is_running() && server.is_over());
    drop(client);
}

/// What a protocol does when it is asked to finish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    SaysGoodbye,
    FinishesFirst,
    IsAskedInVain,
}

struct Server {
    asked: Asked,
    log: Log,
    /// Puts a layer under itself first.
    layered: bool,
}

impl Protocol for Server {
    fn connection_made(&mut self, transport: &TransportRef) {
        if mem::take(&mut self.layered) {
            Timeout::new().insert_below(transport);
        }
        self.log.say("made");
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        self.log.say("data");
        transport.write(data);
        if self.asked == Asked::FinishesFirst && data.ends_with(b"\n") {
            transport.lose_connection();
        }
    }

    fn shutting_down(&mut self, transport: &TransportRef) {
        self.log.say("asked");
        if self.asked == Asked::SaysGoodbye {
            transport.write(b"421 closing");
            transport.lose_connection();
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.log
            .say(if reason.is_clean() { "clean" } else { "broken" });
    }
}

#[test]
fn a_protocol_is_asked_to_finish_and_may_take_its_time() {
    for (asked, layered) in [
        (Asked::SaysGoodbye, false),
        (Asked::SaysGoodbye, true),
        (Asked::FinishesFirst, false),
        (Asked::FinishesFirst, true),
        (Asked::IsAskedInVain, false),
        (Asked::IsAskedInVain, true),
    ] {
        let reactor = Reactor::with_settings(ReactorSettings {
            signals: false,
            shutdown_timeout: match asked {
                Asked::IsAskedInVain => Duration::from_millis(50),
                _ => Duration::from_secs(3600),
            },
            ..ReactorSettings::default()
        })
        .unwrap();
        let log = Log::default();
        let server = Server {
            asked,
            log: log.clone(),
            layered,
        };
        let port = serve(&reactor, server.into());
        let mut client = connect(&port);
        let made = log.clone();
        stop_when(&reactor, move || made.story() == "made");
        let (told, heard) = (Rc::new(Cell::new(false)), log.clone());
        if asked == Asked::FinishesFirst {
            let (mut writer, told) = (client.try_clone().unwrap(), told.clone());
            when(
                &reactor,
                move || heard.story() == "made asked",
                move || {
                    writer.write_all(b"the rest\n").unwrap();
                    told.set(true);
                },
            );
        }
        reactor.run().unwrap();
        let mut received = String::new();
        let outcome = client.read_to_string(&mut received);
        let (story, words) = match asked {
            Asked::SaysGoodbye => ("made asked clean", "421 closing"),
            Asked::FinishesFirst => ("made asked data clean", "the rest\n"),
            Asked::IsAskedInVain => ("made asked broken", ""),
        };
        assert_eq!((log.story().as_str(), received.as_str()), (story, words));
        assert_eq!(outcome.is_ok(), asked != Asked::IsAskedInVain);
        assert_eq!(told.get(), asked == Asked::FinishesFirst);
    }
}

#[test]
fn a_goodbye_is_not_destroyed_by_what_the_peer_still_sends() {
    for layered in [false, true] {
        let reactor = reactor();
        let log = Log::default();
        let server = Server {
            asked: Asked::SaysGoodbye,
            log: log.clone(),
            layered,
        };
        let port = serve(&reactor, server.into());
        let mut client = connect(&port);
        let client = thread::spawn(move || {
            client.peek(&mut [0]).unwrap();
            client.write_all(b"QUIT\r\n").unwrap();
            let mut received = String::new();
            client.read_to_string(&mut received).map(|_| received)
        });
        let made = log.clone();
        stop_when(&reactor, move || made.story() == "made");
        reactor.run().unwrap();
        assert_eq!(client.join().unwrap().unwrap(), "421 closing");
    }
}
