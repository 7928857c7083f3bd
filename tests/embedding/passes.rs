//! What each pass of `iterate` does, and what a loop around it is told.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use retwist::{
    Phase, Protocol, Reactor, ReactorSettings, ReactorState, Reason, RunError, SystemEvent,
    TcpListen, TransportRef,
};

use crate::drivers::readable_within;
use crate::{Log, reactor};

const HOUR: Duration = Duration::from_secs(3600);

fn pass(reactor: &Reactor) -> ReactorState {
    reactor.iterate(Duration::ZERO).unwrap()
}

/// Makes passes until the reactor is in this state.
#[track_caller]
fn reaches(reactor: &Reactor, state: ReactorState) {
    for _ in 0..2000 {
        if reactor.iterate(Duration::from_millis(10)).unwrap() == state {
            return;
        }
    }
    panic!("it stays {:?}", reactor.state());
}

#[test]
fn it_goes_through_its_states_pass_by_pass() {
    let (reactor, log) = (reactor(), Log::default());
    let kept = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    use {Phase::*, SystemEvent::*};
    for event in [Startup, Shutdown] {
        for (phase, word) in [(Before, "before"), (During, "during"), (After, "after")] {
            let (log, kept) = (log.clone(), kept.clone());
            reactor.add_system_event_trigger(phase, event.clone(), move |hold| {
                log.say(word);
                if phase == Before {
                    kept.borrow_mut().push(hold);
                }
            });
        }
    }
    assert_eq!(reactor.state(), ReactorState::Idle);
    assert_eq!(pass(&reactor), ReactorState::Idle);
    reactor.start().unwrap();
    assert_eq!(log.story(), "before");
    assert_eq!(pass(&reactor), ReactorState::Starting);
    assert!(!reactor.is_running());
    kept.borrow_mut().clear();
    assert_eq!(pass(&reactor), ReactorState::Running);
    assert!(reactor.is_running());
    assert_eq!(log.story(), "before during after");
    reactor.stop();
    assert_eq!(pass(&reactor), ReactorState::Stopping);
    assert_eq!(log.story(), "before during after before");
    assert_eq!(pass(&reactor), ReactorState::Stopping);
    assert!(reactor.is_running());
    kept.borrow_mut().clear();
    assert_eq!(pass(&reactor), ReactorState::Ended);
    assert_eq!(log.story(), "before during after before during after");
    assert!(matches!(
        reactor.iterate(HOUR),
        Err(RunError::NotRestartable)
    ));
    assert!(matches!(reactor.start(), Err(RunError::NotRestartable)));
    assert!(matches!(reactor.run(), Err(RunError::NotRestartable)));
}

/// Writes much at its end.
struct Talks(Log);

impl Protocol for Talks {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(data);
    }

    fn shutting_down(&mut self, transport: &TransportRef) {
        transport.write(&[b'.'; 8_000_000]);
        transport.lose_connection();
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.0.say(if reason.is_clean() {
            "clean"
        } else {
            "aborted"
        });
    }
}

fn served(reactor: &Reactor, log: &Log) -> TcpStream {
    let log = log.clone();
    let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
    let port = reactor
        .listen_tcp(listen, move |_| Talks(log.clone()))
        .unwrap();
    let mut client = TcpStream::connect(port.address()).unwrap();
    client.write_all(b"?").unwrap();
    client.set_nonblocking(true).unwrap();
    reactor.start().unwrap();
    while client.read(&mut [0]).is_err() {
        reactor.iterate(Duration::from_millis(10)).unwrap();
    }
    client
}

#[test]
fn it_is_closing_until_the_peer_has_everything() {
    let (reactor, log) = (reactor(), Log::default());
    let mut client = served(&reactor, &log);
    reactor.stop();
    reaches(&reactor, ReactorState::Closing);
    for _ in 0..5 {
        assert_eq!(pass(&reactor), ReactorState::Closing);
    }
    // The end of the time that the shutdown may take is a timeout like others.
    assert!(reactor.next_timeout().unwrap() <= Duration::from_secs(5));
    let mut received = 0;
    let mut buffer = vec![0; 1 << 16];
    while received < 8_000_000 {
        match client.read(&mut buffer) {
            Ok(count) => received += count,
            Err(_) => assert_ne!(
                reactor.iterate(Duration::from_millis(10)).unwrap(),
                ReactorState::Ended
            ),
        }
    }
    drop(client);
    reaches(&reactor, ReactorState::Ended);
    assert_eq!(log.story(), "clean");
}

#[test]
fn a_peer_that_takes_nothing_is_aborted_in_time() {
    let log = Log::default();
    let reactor = Reactor::with_settings(ReactorSettings {
        signals: false,
        shutdown_timeout: Duration::from_millis(20),
        ..ReactorSettings::default()
    })
    .unwrap();
    let _client = served(&reactor, &log);
    reactor.stop();
    while reactor.iterate(HOUR).unwrap() != ReactorState::Ended {}
    assert_eq!(log.story(), "aborted");
}

#[test]
fn a_second_stop_at_once_ends_it_in_the_same_pass() {
    let (reactor, log) = (reactor(), Log::default());
    let _client = served(&reactor, &log);
    reactor.stop();
    reaches(&reactor, ReactorState::Closing);
    reactor.stop_at_once();
    assert_eq!(pass(&reactor), ReactorState::Ended);
    assert_eq!(log.story(), "aborted");
}

#[test]
fn a_crash_leaves_it_idle_and_it_starts_again() {
    let (reactor, log) = (reactor(), Log::default());
    let _client = served(&reactor, &log);
    for _ in 0..2 {
        reactor.crash();
        assert_eq!(pass(&reactor), ReactorState::Idle);
        assert_eq!(log.story(), "");
        reactor.start().unwrap();
        assert_eq!(pass(&reactor), ReactorState::Running);
    }
    // Not even a pass is needed in between.
    reactor.crash();
    reactor.start().unwrap();
    reactor.stop_at_once();
    assert_eq!(pass(&reactor), ReactorState::Ended);
    assert_eq!(log.story(), "aborted");
}

#[test]
fn a_trigger_makes_no_pass_and_a_reactor_starts_once() {
    let (reactor, log) = (std::rc::Rc::new(reactor()), Log::default());
    for event in [SystemEvent::Startup, SystemEvent::Shutdown] {
        let (inside, log) = (reactor.clone(), log.clone());
        reactor.add_system_event_trigger(Phase::Before, event, move |_| {
            for refused in [inside.run(), inside.start(), inside.iterate(HOUR).map(drop)] {
                assert!(matches!(refused, Err(RunError::AlreadyRunning)));
            }
            log.say("refused");
        });
    }
    reactor.start().unwrap();
    assert!(matches!(reactor.start(), Err(RunError::AlreadyRunning)));
    assert!(matches!(reactor.run(), Err(RunError::AlreadyRunning)));
    pass(&reactor);
    assert!(matches!(reactor.run(), Err(RunError::AlreadyRunning)));
    reactor.stop();
    assert_eq!(pass(&reactor), ReactorState::Ended);
    assert_eq!(log.story(), "refused refused");
}

#[test]
fn a_loop_around_it_is_told_what_is_due() {
    let reactor = reactor();
    let due = || {
        let now = reactor.next_timeout();
        (now, readable_within(reactor.as_fd(), Duration::ZERO))
    };
    const NOW: Option<Duration> = Some(Duration::ZERO);
    assert_eq!(due(), (None, false));
    reactor.start().unwrap();
    assert_eq!(due(), (NOW, false));
    pass(&reactor);
    assert_eq!(due(), (None, false));

    reactor.call_soon(|| ());
    assert_eq!(due(), (NOW, false));
    pass(&reactor);
    assert_eq!(due(), (None, false));

    let later = reactor.call_later(HOUR, || ());
    let (timeout, readable) = due();
    assert!(timeout > NOW && timeout <= Some(HOUR) && !readable);
    later.cancel();
    pass(&reactor);
    assert_eq!(due(), (None, false));

    reactor.remote().call_from_thread(|_| ()).unwrap();
    assert_eq!(due(), (NOW, true));
    // One pass makes the call, and the next hears that it was woken for it.
    pass(&reactor);
    pass(&reactor);
    assert_eq!(due(), (None, false));

    let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
    let port = reactor
        .listen_tcp(listen, |_| Talks(Log::default()))
        .unwrap();
    let _client = TcpStream::connect(port.address()).unwrap();
    assert!(readable_within(reactor.as_fd(), HOUR));

    reactor.stop();
    assert_eq!(due().0, NOW);
    reactor.stop_at_once();
    // What waits in the queue of the port is accepted first.
    while pass(&reactor) != ReactorState::Ended {
        assert_eq!(due().0, NOW);
    }
    assert_eq!(due().0, None);
}
