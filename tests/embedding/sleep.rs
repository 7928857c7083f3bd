//! What happens around the sleep of the loop, and what ends it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::Signal;
use retwist::{ReactorHandle, ReactorState};

use crate::{Log, reactor};

const HOUR: Duration = Duration::from_secs(3600);

/// Stops the reactor when it has made this many passes.
fn stop_after(handle: ReactorHandle, passes: usize) {
    if passes == 0 {
        return handle.stop();
    }
    let next = handle.clone();
    handle.call_later(Duration::from_micros(1), move || {
        stop_after(next, passes - 1)
    });
}

#[test]
fn a_hook_is_called_around_each_sleep() {
    let (reactor, depth) = (reactor(), Rc::new(Cell::new(0)));
    let (sleeps, held) = (Rc::new(Cell::new(0)), depth.clone());
    let count = sleeps.clone();
    reactor.around_sleep(move |sleep| {
        held.set(held.get() - 1);
        // As through a closure that a language runs without its lock.
        fn unlocked(run: impl FnOnce() + Send) {
            run();
        }
        unlocked(move || sleep.sleep());
        held.set(held.get() + 1);
        count.set(count.get() + 1);
    });
    let inside = depth.clone();
    reactor.call_when_running(move || assert_eq!(inside.get(), 0));
    stop_after(reactor.handle(), 10);
    reactor.run().unwrap();
    assert!(sleeps.get() >= 10);
    assert_eq!(depth.get(), 0);
}

#[test]
fn a_hook_knows_how_long_the_sleep_may_last() {
    let (reactor, asked) = (reactor(), Rc::new(RefCell::new(Vec::new())));
    let notes = asked.clone();
    reactor.around_sleep(move |sleep| notes.borrow_mut().push(sleep.at_most()));
    reactor.start().unwrap();
    reactor.iterate(Duration::ZERO).unwrap();
    reactor.iterate(Duration::from_millis(1)).unwrap();
    assert_eq!(
        asked.borrow()[..],
        [Some(Duration::ZERO), Some(Duration::from_millis(1))]
    );
}

#[test]
fn the_loop_polls_whatever_the_hook_does() {
    // It does not sleep, it panics before and after it, it puts another in its place.
    for case in 0..4 {
        let (reactor, log) = (reactor(), Log::default());
        let handle = reactor.handle();
        let word = log.clone();
        reactor.around_sleep(move |sleep| match case {
            0 => {}
            1 => panic!("a bug before the sleep"),
            2 => {
                sleep.sleep();
                panic!("a bug after the sleep");
            }
            _ => {
                let word = word.clone();
                handle.around_sleep(move |sleep| {
                    word.say("another");
                    sleep.sleep();
                });
                sleep.sleep();
            }
        });
        let (remote, seen) = (reactor.remote(), Arc::new(AtomicBool::new(false)));
        let told = seen.clone();
        thread::spawn(move || {
            remote.call_from_thread(move |reactor| {
                told.store(true, Ordering::SeqCst);
                stop_after(reactor.handle(), 3);
            })
        });
        reactor.run().unwrap();
        assert!(seen.load(Ordering::SeqCst), "case {case}");
        assert_eq!(log.story().contains("another"), case == 3);
    }
}

#[test]
fn a_signal_that_interrupts_the_sleep_ends_the_pass() {
    let seen = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(Signal::SIGUSR1 as i32, seen.clone()).unwrap();
    for started in [false, true] {
        let reactor = reactor();
        if started {
            reactor.start().unwrap();
            reactor.iterate(Duration::ZERO).unwrap();
        }
        let (here, over) = (pthread_self(), Arc::new(AtomicBool::new(false)));
        let is_over = over.clone();
        let sender = thread::spawn(move || {
            // It may come before the sleep.
            while !is_over.load(Ordering::SeqCst) {
                pthread_kill(here, Signal::SIGUSR1).unwrap();
                thread::park_timeout(Duration::from_millis(5));
            }
        });
        reactor.iterate(HOUR).unwrap();
        assert!(seen.swap(false, Ordering::SeqCst));
        over.store(true, Ordering::SeqCst);
        sender.join().unwrap();
        // It goes on as before.
        reactor.call_soon(|| ());
        let state = reactor.iterate(HOUR).unwrap();
        assert_eq!(state == ReactorState::Running, started);
    }
}
