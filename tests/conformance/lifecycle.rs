//! A reactor starts, runs and ends, and what it is asked at the wrong time it answers.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use retwist::{Phase, Reactor, ReactorSettings, RunError, SystemEvent};

use retwist_conformance::streams::Peer;

/// What happened, in words.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub fn say(&self, word: &str) {
        self.0.borrow_mut().push(word.to_owned());
    }

    pub fn sayer(&self, word: &'static str) -> impl Fn() + use<> {
        let log = self.clone();
        move || log.say(word)
    }

    pub fn story(&self) -> String {
        self.0.borrow().join(" ")
    }
}

pub fn reactor() -> Reactor {
    Reactor::with_settings(ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    })
    .unwrap()
}

/// Makes passes until it is true.
#[track_caller]
pub fn until(reactor: &Reactor, condition: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if condition() {
            return;
        }
        reactor.iterate(Duration::from_millis(10)).unwrap();
    }
    panic!("{}: it never comes to that", Location::caller());
}

/// Whether this becomes true soon. A process that is being started has, for a moment, all
/// descriptors of this one, so a port that is closed here is free only after that moment.
pub fn soon(condition: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        if condition() {
            return true;
        }
        thread::yield_now();
    }
    false
}

#[test]
fn a_reactor_that_does_not_run_cannot_be_stopped() {
    let reactor = reactor();
    reactor.stop();
    reactor.stop_at_once();
    reactor.crash();
    assert!(!reactor.is_running());
    let handle = reactor.handle();
    reactor.call_when_running(move || {
        assert!(handle.is_running());
        handle.stop();
    });
    reactor.run().unwrap();
}

#[test]
fn a_reactor_is_stopped_once() {
    let reactor = reactor();
    let handle = reactor.handle();
    reactor.call_when_running(move || {
        handle.stop();
        handle.stop();
        assert!(handle.is_running());
    });
    reactor.run().unwrap();
    assert!(!reactor.is_running());
}

#[test]
fn a_stop_fires_no_trigger_from_inside() {
    let reactor = reactor();
    let log = Log::default();
    let say = log.sayer("leaving");
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move |_| say());
    let (handle, say) = (reactor.handle(), log.sayer("stopped"));
    reactor.call_when_running(move || {
        handle.stop();
        say();
    });
    reactor.run().unwrap();
    assert_eq!(log.story(), "stopped leaving");
}

#[test]
fn a_reactor_that_was_stopped_does_not_run_again() {
    let reactor = reactor();
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.stop());
    reactor.run().unwrap();
    assert!(matches!(reactor.run(), Err(RunError::NotRestartable)));
    assert!(matches!(
        reactor.iterate(Duration::ZERO),
        Err(RunError::NotRestartable)
    ));
    reactor.stop();
    reactor.stop_at_once();
    assert!(!reactor.is_running());
}

#[test]
fn a_reactor_that_has_crashed_runs_again_and_has_closed_nothing() {
    let reactor = reactor();
    let log = Log::default();
    let word = log.sayer("shutdown");
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move |_| word());
    let (client, server) = (Peer::new(), Peer::new());
    connect(&reactor, &client, &server);
    for _ in 0..2 {
        let handle = reactor.handle();
        reactor.call_soon(move || handle.crash());
        reactor.run().unwrap();
        assert_eq!(log.story(), "");
        assert!(!client.is_over() && !server.is_over());
    }
    let handle = reactor.handle();
    reactor.call_soon(move || handle.stop());
    reactor.run().unwrap();
    assert_eq!(log.story(), "shutdown");
    assert!(client.is_over() && server.is_over());
}

/// Connects two who have heard that it is made.
fn connect(reactor: &Reactor, client: &Peer, server: &Peer) {
    let (ours, theirs) = (
        Cell::new(Some(client.quiet())),
        Cell::new(Some(server.quiet())),
    );
    let listen = retwist::TcpListen::port(0).interface(std::net::Ipv4Addr::LOCALHOST);
    let port = reactor.listen_tcp(listen, move |_| theirs.take()).unwrap();
    let address = port.address().socket().unwrap();
    reactor.connect_tcp(address, move |_| ours.take());
    until(reactor, || client.is_made() && server.is_made());
}

#[test]
fn a_reactor_that_runs_cannot_be_run_from_inside() {
    let reactor = Rc::new(reactor());
    let (inside, log) = (reactor.clone(), Log::default());
    let word = log.sayer("refused");
    reactor.call_when_running(move || {
        assert!(matches!(inside.run(), Err(RunError::AlreadyRunning)));
        assert!(matches!(
            inside.iterate(Duration::ZERO),
            Err(RunError::AlreadyRunning)
        ));
        word();
        inside.stop();
    });
    reactor.run().unwrap();
    assert_eq!(log.story(), "refused");
}

#[test]
fn one_pass_cannot_be_made_from_inside_another() {
    let reactor = Rc::new(reactor());
    let log = Log::default();
    let refused = |reactor: &Rc<Reactor>| {
        let (inside, word) = (reactor.clone(), log.sayer("refused"));
        move || {
            assert!(matches!(
                inside.iterate(Duration::ZERO),
                Err(RunError::AlreadyRunning)
            ));
            assert!(matches!(inside.run(), Err(RunError::AlreadyRunning)));
            word();
        }
    };
    reactor.call_later(Duration::ZERO, refused(&reactor));
    reactor.call_soon(refused(&reactor));
    reactor.iterate(Duration::ZERO).unwrap();
    reactor.iterate(Duration::ZERO).unwrap();
    assert_eq!(log.story(), "refused refused");
    assert!(!reactor.is_running());
}

#[test]
fn the_events_come_in_order_and_in_each_the_triggers_in_theirs() {
    let reactor = reactor();
    let log = Log::default();
    use {Phase::*, SystemEvent::*};
    for (phase, event, word) in [
        (After, Shutdown, "gone"),
        (During, Shutdown, "going"),
        (Before, Shutdown, "leaving"),
        (After, Startup, "here"),
        (During, Startup, "arriving"),
        (Before, Startup, "coming"),
        (Before, Startup, "coming-too"),
    ] {
        let say = log.sayer(word);
        reactor.add_system_event_trigger(phase, event, move |_| say());
    }
    let (say, handle) = (log.sayer("runs"), reactor.handle());
    reactor.call_when_running(move || {
        say();
        handle.stop();
    });
    reactor.run().unwrap();
    assert_eq!(
        log.story(),
        "coming coming-too arriving here runs leaving going gone"
    );
}

#[test]
fn calls_when_running_come_in_order_and_at_once_when_it_runs() {
    let reactor = reactor();
    let log = Log::default();
    reactor.call_when_running(log.sayer("first"));
    let (handle, inner, outer) = (reactor.handle(), log.sayer("at-once"), log.sayer("second"));
    reactor.call_when_running(move || {
        handle.call_when_running(inner);
        outer();
        handle.stop();
    });
    reactor.run().unwrap();
    assert_eq!(log.story(), "first at-once second");
}

#[test]
fn a_trigger_may_remove_another_and_a_panic_spoils_none() {
    let reactor = reactor();
    let log = Log::default();
    let say = log.sayer("removed");
    let handle = reactor.handle();
    let id = Rc::new(Cell::new(None));
    let doomed = id.clone();
    let before = |call: Box<dyn FnOnce()>| {
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Startup, move |_| call())
    };
    before(Box::new(move || {
        assert!(handle.remove_system_event_trigger(doomed.take().unwrap()))
    }));
    id.set(before(Box::new(say)));
    before(Box::new(|| panic!("a bug in a trigger")));
    let handle = reactor.handle();
    let (say, again) = (log.sayer("kept"), log.sayer("added"));
    before(Box::new(move || {
        say();
        handle.add_system_event_trigger(Phase::Before, SystemEvent::Startup, move |_| again());
    }));
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.stop());
    reactor.run().unwrap();
    assert_eq!(log.story(), "kept added");
}

#[test]
fn a_trigger_is_removed_once() {
    let reactor = reactor();
    let id = reactor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, |_| ());
    assert!(reactor.remove_system_event_trigger(id.unwrap()));
    assert!(!reactor.remove_system_event_trigger(id.unwrap()));
}

#[test]
fn the_loop_runs_while_the_reactor_waits_for_holds() {
    for event in [SystemEvent::Startup, SystemEvent::Shutdown] {
        let reactor = reactor();
        let log = Log::default();
        let (handle, say) = (reactor.handle(), log.sayer("waited"));
        reactor.add_system_event_trigger(Phase::Before, event.clone(), move |hold| {
            handle.call_later(Duration::from_millis(1), move || {
                say();
                drop(hold);
            });
        });
        let say = log.sayer("went-on");
        reactor.add_system_event_trigger(Phase::During, event, move |_| say());
        let handle = reactor.handle();
        reactor.call_when_running(move || handle.stop());
        reactor.run().unwrap();
        assert_eq!(log.story(), "waited went-on");
    }
}

#[test]
fn a_reactor_that_is_stopped_while_its_start_is_held_ends() {
    let reactor = reactor();
    let kept = Rc::new(RefCell::new(None));
    let keep = kept.clone();
    reactor.add_system_event_trigger(Phase::Before, SystemEvent::Startup, move |hold| {
        keep.replace(Some(hold));
    });
    let handle = reactor.handle();
    reactor.call_soon(move || handle.stop());
    reactor.run().unwrap();
    assert!(kept.borrow().is_some());
}

#[test]
fn a_reactor_that_is_dropped_tells_everyone_and_frees_everything() {
    let (client, server) = (Peer::new(), Peer::new());
    let reactor = reactor();
    let handle = reactor.handle();
    connect(&reactor, &client, &server);
    drop(reactor);
    assert!(client.is_over() && server.is_over());
    assert!(client.is_dropped() && server.is_dropped());
    handle.stop();
    assert!(!handle.is_running());
    assert!(
        handle
            .add_system_event_trigger(Phase::After, SystemEvent::Startup, |_| ())
            .is_none()
    );
}
