//! Programs that are run for what they say.
#![cfg(unix)]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use retwist_deferred::{
    Deferred, Failure, IntoBoxedError, Outcome, ProcessFailure, process_exit, process_output,
    process_output_and_exit,
};
use retwist_reactor::testing::MemoryReactor;
use retwist_reactor::{
    ChildDescriptor, ProcessExit, Program, Reactor, ReactorSettings, Signal, SpawnError,
};

fn reactor() -> Reactor {
    Reactor::with_settings(ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    })
    .unwrap()
}

fn sh(script: &str) -> Program {
    Program::new("sh").arg("-c").arg(script)
}

/// Runs the reactor until there is an outcome.
#[track_caller]
fn outcome<T: 'static, E: IntoBoxedError>(
    reactor: &Reactor,
    deferred: Deferred<T, E>,
) -> Outcome<T, E> {
    let found: Rc<RefCell<Option<Outcome<T, E>>>> = Rc::default();
    let place = found.clone();
    deferred.done(move |outcome| {
        place.replace(Some(outcome));
    });
    for _ in 0..600 {
        if found.borrow().is_some() {
            break;
        }
        reactor.iterate(Duration::from_millis(100)).unwrap();
    }
    found.take().expect("an outcome within a minute")
}

#[test]
fn what_it_says() {
    let reactor = reactor();
    let output = process_output(&reactor, sh("cat; echo hello; echo careful >&2"), 1000);
    assert_eq!(outcome(&reactor, output).unwrap(), b"hello\n");
    let both = sh("echo one; echo two >&2").stderr(ChildDescriptor::SameAs(1));
    let output = process_output(&reactor, both, 1000);
    assert_eq!(outcome(&reactor, output).unwrap(), b"one\ntwo\n");
}

#[test]
fn what_it_says_and_how_it_ends() {
    let reactor = reactor();
    let all = process_output_and_exit(&reactor, sh("echo out; echo err >&2; exit 3"), 1000);
    let all = outcome(&reactor, all).unwrap();
    assert_eq!((&*all.out, &*all.err), (&b"out\n"[..], &b"err\n"[..]));
    assert_eq!(all.exit, ProcessExit::Code(3));
    let exit = process_exit(&reactor, sh("echo much; kill -9 $$"));
    assert_eq!(
        outcome(&reactor, exit).unwrap().signal(),
        Some(Signal::KILL)
    );
}

#[test]
fn a_program_that_fails() {
    let reactor = reactor();
    let output = process_output(&reactor, sh("echo no such file >&2; exit 2"), 1000);
    let Err(Failure::Error(failure)) = outcome(&reactor, output) else {
        panic!("it has failed");
    };
    let text = failure.to_string();
    assert_eq!(
        text,
        "the process exited with code 2, and said: no such file"
    );
    assert!(matches!(failure, ProcessFailure::Failed(output) if output.exit.code() == Some(2)));
}

#[test]
fn a_program_that_is_not_there() {
    let reactor = reactor();
    let output = process_output(&reactor, "/no/such/program", 1000);
    let failed = outcome(&reactor, output);
    assert!(matches!(
        failed,
        Err(Failure::Error(ProcessFailure::Spawn(
            SpawnError::NoSuchProgram(..)
        )))
    ));
    let exit = process_exit(&reactor, "/no/such/program");
    assert!(outcome(&reactor, exit).is_err());
}

#[test]
fn a_program_that_says_too_much_is_killed() {
    let reactor = reactor();
    let output = process_output(&reactor, "yes", 100_000);
    let failed = outcome(&reactor, output);
    assert!(matches!(
        failed,
        Err(Failure::Error(ProcessFailure::TooMuch(100_000)))
    ));
}

#[test]
fn to_cancel_is_to_kill() {
    let reactor = MemoryReactor::new();
    let deferred = process_output(&reactor, "sleep", 1000);
    let sleep = reactor.spawned().remove(0);
    deferred.cancel();
    assert_eq!(sleep.signals(), [Signal::KILL]);
    assert!(sleep.is_closed(1));
    let outcome = Rc::new(RefCell::new(None));
    let place = outcome.clone();
    deferred.done(move |found| {
        place.replace(Some(found));
    });
    assert!(matches!(*outcome.borrow(), Some(Err(Failure::Cancelled))));
}

#[test]
fn the_reactor_ends_first() {
    let reactor = reactor();
    let program = Program::new("sleep").arg("0.01").outlives_reactor(true);
    let mut exit = process_exit(&reactor, program);
    drop(reactor);
    assert!(matches!(exit.take(), Some(Err(Failure::ReactorEnded))));
}
