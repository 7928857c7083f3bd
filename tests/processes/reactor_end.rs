//! What becomes of children when their reactor ends.

use std::time::Duration;

use retwist::{ProcessExit, Program, Reactor, ReactorSettings, Signal};

use crate::world::{Event, Record, is_child, reactor, sh, until};

fn killed() -> ProcessExit {
    ProcessExit::Signal {
        signal: Signal::KILL,
        core_dumped: false,
    }
}

fn quick(shutdown_timeout: Duration) -> Reactor {
    Reactor::with_settings(ReactorSettings {
        signals: false,
        shutdown_timeout,
        ..ReactorSettings::default()
    })
    .unwrap()
}

#[test]
fn a_child_that_ends_with_its_input_ends_in_order() {
    let (reactor, record) = (quick(Duration::from_secs(60)), Record::default());
    let process = reactor.spawn_process("cat", record.recorder()).unwrap();
    let handle = reactor.handle();
    let much = vec![b'x'; 300_000];
    reactor.call_later(Duration::from_millis(20), move || {
        process.write(&much);
        handle.stop();
    });
    reactor.run().unwrap();
    let events = record.events();
    assert_eq!(events[..2], [Event::Made, Event::ShuttingDown]);
    // It lives to see the end of its input, or dies of its output, which is closed.
    let exit = record.ended().unwrap();
    assert!(
        exit.is_success() || exit.signal() == Some(Signal::PIPE),
        "{exit}"
    );
    assert_eq!(
        events
            .iter()
            .filter(|event| **event == Event::ShuttingDown)
            .count(),
        1
    );
}

#[test]
fn a_child_that_does_not_end_is_killed() {
    let (reactor, record) = (quick(Duration::from_millis(50)), Record::default());
    let program = Program::new("sleep").arg("60");
    let process = reactor.spawn_process(program, record.recorder()).unwrap();
    let pid = process.pid().unwrap();
    let handle = reactor.handle();
    reactor.call_later(Duration::from_millis(20), move || handle.stop());
    reactor.run().unwrap();
    assert_eq!(record.ended(), Some(killed()));
    assert!(!is_child(pid));
}

#[test]
fn a_reactor_that_is_dropped_kills_them() {
    let (reactor, record) = (reactor(), Record::default());
    let program = Program::new("sleep").arg("60");
    let process = reactor.spawn_process(program, record.recorder()).unwrap();
    let pid = process.pid().unwrap();
    drop(reactor);
    assert!(!is_child(pid));
    let events = record.events();
    assert_eq!(events[0], Event::Made);
    assert_eq!(*events.last().unwrap(), Event::Ended(killed()));
    assert!(
        [0, 1, 2]
            .iter()
            .all(|number| record.has(&Event::Lost(*number)))
    );
    assert!(!process.is_running());
}

#[test]
fn a_child_may_outlive_it() {
    let (reactor, record) = (reactor(), Record::default());
    let program = Program::new("sleep").arg("60").outlives_reactor(true);
    let process = reactor.spawn_process(program, record.recorder()).unwrap();
    let pid = process.pid().unwrap();
    drop(reactor);
    assert_eq!(record.ended(), Some(ProcessExit::LeftRunning));
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty()).unwrap();
}

#[test]
fn a_grandchild_with_the_pipes_does_not_hold_it_up() {
    let (reactor, record) = (quick(Duration::from_secs(60)), Record::default());
    let program = sh("sleep 60 & echo $!; exit 0");
    reactor.spawn_process(program, record.recorder()).unwrap();
    until(&reactor, || {
        record.exited().is_some() && record.text(1).ends_with('\n')
    });
    let handle = reactor.handle();
    reactor.call_soon(move || handle.stop());
    reactor.call_when_running(|| ());
    let handle = reactor.handle();
    reactor.call_later(Duration::from_millis(1), move || handle.stop());
    reactor.run().unwrap();
    assert_eq!(record.ended(), Some(ProcessExit::Code(0)));
    let pid = record.text(1).trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
