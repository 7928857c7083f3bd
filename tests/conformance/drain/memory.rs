//! The same in memory, where the clock is moved by hand.

use retwist::FullReactor;
use retwist::testing::{MemoryReactor, Pair, RecordingDatagrams, RecordingTransport, Side};

use super::others::Port;
use super::*;
use crate::ways::Tls;
use retwist_conformance::streams::Layering;

fn program(reactor: &dyn FullReactor, log: &Log, closes_when_idle: bool) -> ListeningPort {
    let log = log.clone();
    let build = move |_: &Address| Server {
        log: log.clone(),
        closes_when_idle,
    };
    reactor.listen_tcp(([127, 0, 0, 1], 80), build).unwrap()
}

#[test]
fn a_program_drains_its_reactor_and_the_test_ends_it() {
    for ends in [true, false] {
        let (reactor, log, client) = (MemoryReactor::new(), Log::default(), Peer::new());
        let port = program(&reactor, &log, true);
        assert!(reactor.start());
        let pair = reactor.accept(&port.address(), client.quiet()).unwrap();
        pair.run();
        let full: &dyn FullReactor = &reactor;
        full.drain(Duration::from_secs(30));
        assert!(reactor.is_stopping());
        assert!(!reactor.shut_down());
        assert_eq!(full.progress(), ReactorState::Draining);
        assert!(!port.is_listening());
        assert_eq!(log.story(), "made drain");
        reactor.clock().advance(Duration::from_secs(29));
        assert!(!reactor.shut_down());
        if ends {
            client.transport().write(b"the last request");
            pair.advance(Duration::from_secs(1));
            assert_eq!(client.received(), b"the last request");
        } else {
            reactor.clock().advance(Duration::from_secs(1));
        }
        assert!(reactor.shut_down());
        assert_eq!(log.story().ends_with("clean"), ends);
    }
}

#[test]
fn triggers_in_memory_come_in_order_and_hold() {
    let (reactor, log) = (MemoryReactor::new(), Log::default());
    let port = program(&reactor, &log, true);
    let held = Rc::new(RefCell::new(None));
    for (phase, word) in [
        (Phase::Before, "before"),
        (Phase::During, "during"),
        (Phase::After, "after"),
    ] {
        let (say, held) = (log.sayer(word), held.clone());
        let full: &dyn FullReactor = &reactor;
        full.add_system_event_trigger(phase, SystemEvent::Drain, move |hold| {
            say();
            held.replace(Some(hold));
        });
    }
    assert!(reactor.start());
    reactor.drain(LONG);
    assert!(!reactor.shut_down() && port.is_listening());
    held.take();
    assert!(!reactor.shut_down() && !port.is_listening());
    assert_eq!(log.story(), "before during");
    held.take();
    assert!(reactor.shut_down());
    assert_eq!(log.story(), "before during after");
}

#[test]
fn a_stop_in_memory_cuts_a_drain_short() {
    let (reactor, log, client) = (MemoryReactor::new(), Log::default(), Peer::new());
    let port = program(&reactor, &log, true);
    let pair = reactor.accept(&port.address(), client.quiet()).unwrap();
    pair.run();
    reactor.drain(LONG);
    assert!(!reactor.shut_down());
    let full: &dyn FullReactor = &reactor;
    full.stop();
    assert!(reactor.shut_down());
    assert!(!pair.server().is_draining());
}

#[test]
fn a_recording_says_how_a_protocol_drains() {
    let log = Log::default();
    let recording = RecordingTransport::connect(Server {
        log: log.clone(),
        closes_when_idle: true,
    });
    recording.drain();
    assert!(recording.transport().is_draining() && !recording.is_closing());
    recording.receive(b"the last request");
    assert!(recording.is_closing());
    let recording = RecordingTransport::connect(Peer::new().quiet());
    recording.drain();
    assert!(!recording.is_closing());
    recording.shut_down();
    assert!(recording.is_closing());
    let recording = RecordingDatagrams::start(Port {
        log: log.clone(),
        stays: true,
    });
    recording.drain();
    assert!(recording.transport().is_listening());
    recording.shut_down();
    assert!(!recording.transport().is_listening());
}

#[test]
fn a_handshake_of_tls_is_not_cut_and_its_protocol_is_asked_behind_it() {
    let log = Log::default();
    let heard = Peer::new();
    let server = Server {
        log: log.clone(),
        closes_when_idle: true,
    };
    let pair = Pair::new(Tls.client(heard.quiet()), Tls.server(server.into()));
    pair.drain(Side::Server);
    assert_eq!(log.story(), "made drain");
    heard.transport().write(b"the last request");
    pair.run();
    assert_eq!(heard.received(), b"the last request");
    assert_eq!(log.story(), "made drain clean");
}
