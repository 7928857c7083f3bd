//! Both ways to hear of an exit, on systems that have both.

use std::cell::Cell;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use super::HearsExit;
use crate::{ProcessExit, Reactor, ReactorSettings, Signal};

#[derive(Default)]
struct Listener {
    exit: Cell<Option<ProcessExit>>,
    told: Cell<usize>,
    outlives: bool,
}

impl HearsExit for Listener {
    fn exited(&self, exit: ProcessExit) {
        self.exit.set(Some(exit));
        self.told.set(self.told.get() + 1);
    }

    fn drain(&self) {}

    fn stop(&self) {}

    fn outlives_reactor(&self) -> bool {
        self.outlives
    }
}

/// A reactor for each way.
fn reactors() -> Vec<Reactor> {
    let make = || {
        Reactor::with_settings(ReactorSettings {
            signals: false,
            ..ReactorSettings::default()
        })
        .unwrap()
    };
    let by_handler = make();
    let core = by_handler.core.upgrade().unwrap();
    core.exits.forgo_pidfd();
    vec![make(), by_handler]
}

fn watch(
    reactor: &Reactor,
    program: &str,
    argument: &str,
) -> (Rc<Listener>, Rc<super::WatchedChild>) {
    let listener = Rc::new(Listener::default());
    let child = Command::new(program).arg(argument).spawn().unwrap();
    let core = reactor.core.upgrade().unwrap();
    let child = core.exits.watch(child, listener.clone()).unwrap();
    (listener, child)
}

fn until(reactor: &Reactor, is_so: impl Fn() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        reactor.iterate(Duration::from_millis(100)).unwrap();
    }
    panic!("it never comes to that");
}

fn killed() -> Option<ProcessExit> {
    Some(ProcessExit::Signal {
        signal: Signal::KILL,
        core_dumped: false,
    })
}

#[test]
fn each_exit_is_heard_once() {
    for reactor in reactors() {
        let core = reactor.core.upgrade().unwrap();
        for _ in 0..2 {
            let children: Vec<_> = (0..20).map(|_| watch(&reactor, "true", "").0).collect();
            let (sleeping, child) = watch(&reactor, "sleep", "60");
            until(&reactor, || {
                children.iter().all(|child| child.told.get() > 0)
            });
            assert!(
                children
                    .iter()
                    .all(|child| child.exit.get() == Some(ProcessExit::Code(0)))
            );
            assert_eq!(sleeping.told.get(), 0);
            child.signal(Signal::KILL).unwrap();
            until(&reactor, || sleeping.told.get() > 0);
            assert_eq!(sleeping.exit.get(), killed());
            assert!(child.signal(Signal::KILL).is_err());
            assert!(children.iter().all(|child| child.told.get() == 1));
            until(&reactor, || core.sources.is_empty());
        }
    }
}

#[test]
fn a_status_that_was_taken_is_heard_too() {
    for reactor in reactors() {
        let (listener, child) = watch(&reactor, "sleep", "60");
        // As another part of the program would do it.
        let pid = rustix::process::Pid::from_raw(child.pid().try_into().unwrap());
        child.signal(Signal::KILL).unwrap();
        rustix::process::waitpid(pid, rustix::process::WaitOptions::empty()).unwrap();
        until(&reactor, || listener.told.get() > 0);
        assert_eq!(listener.exit.get(), Some(ProcessExit::Unknown));
    }
}

#[test]
fn a_reactor_that_ends_kills() {
    for reactor in reactors() {
        let (listener, _child) = watch(&reactor, "sleep", "60");
        drop(reactor);
        assert_eq!(listener.exit.get(), killed());
        assert_eq!(listener.told.get(), 1);
    }
}

#[test]
fn children_of_other_code_are_left_alone() {
    for reactor in reactors() {
        let (listener, _child) = watch(&reactor, "true", "");
        let mut other = Command::new("false").spawn().unwrap();
        until(&reactor, || listener.told.get() > 0);
        reactor.iterate(Duration::from_millis(20)).unwrap();
        assert_eq!(other.wait().unwrap().code(), Some(1));
    }
}
