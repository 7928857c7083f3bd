//! Calls from other threads.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use retwist::{CallFromThreadError, Phase, ReactorGone, ReactorHandle, SystemEvent};

use crate::lifecycle::reactor;

#[test]
fn calls_of_one_thread_come_in_order() {
    let reactor = reactor();
    let (sender, receiver) = mpsc::channel();
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (remote, sender) = (reactor.remote(), sender.clone());
            thread::spawn(move || {
                for call in 0..1_000 {
                    let sender = sender.clone();
                    remote
                        .call_from_thread(move |_| sender.send((thread, call)).unwrap())
                        .unwrap();
                }
            })
        })
        .collect();
    drop(sender);
    let mut next = [0; 4];
    while next != [1_000; 4] {
        reactor.iterate(Duration::from_millis(10)).unwrap();
        for (thread, call) in receiver.try_iter() {
            assert_eq!(call, next[thread]);
            next[thread] += 1;
        }
    }
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_call_wakes_a_reactor_that_sleeps() {
    let reactor = reactor();
    let remote = reactor.remote();
    let (sender, receiver) = mpsc::channel();
    let caller = thread::spawn(move || {
        receiver.recv().unwrap();
        remote.call_from_thread(|reactor| reactor.stop())
    });
    reactor.call_soon(move || sender.send(()).unwrap());
    // With no timer and no connection, nothing else would ever wake it.
    reactor.run().unwrap();
    caller.join().unwrap().unwrap();
}

#[test]
fn a_call_made_before_the_start_is_made_when_it_runs() {
    let reactor = reactor();
    reactor
        .remote()
        .call_from_thread(|reactor| reactor.stop())
        .unwrap();
    reactor.run().unwrap();
}

#[test]
fn what_a_call_asks_for_comes_in_the_turn_after() {
    let reactor = reactor();
    let (remote, again) = (reactor.remote(), reactor.remote());
    let (sender, receiver) = mpsc::channel();
    let second = sender.clone();
    remote
        .call_from_thread(move |_| {
            again
                .call_from_thread(move |_| second.send("second").unwrap())
                .unwrap();
            sender.send("first").unwrap();
        })
        .unwrap();
    reactor.iterate(Duration::ZERO).unwrap();
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), ["first"]);
    reactor.iterate(Duration::ZERO).unwrap();
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), ["second"]);
}

#[test]
fn a_thread_can_wait_for_the_answer() {
    let reactor = reactor();
    let remote = reactor.remote();
    let caller = thread::spawn(move || {
        let answer = remote.blocking_call_from_thread(|_| 42);
        remote.call_from_thread(|reactor| reactor.stop()).unwrap();
        answer
    });
    reactor.run().unwrap();
    assert_eq!(caller.join().unwrap(), Ok(42));
}

#[test]
fn a_reactor_that_has_ended_says_so_to_those_who_call_and_those_who_wait() {
    let reactor = reactor();
    let remote = reactor.remote();
    let (waits, ready) = mpsc::channel();
    let waiting = remote.clone();
    let caller = thread::spawn(move || {
        waits.send(()).unwrap();
        waiting.blocking_call_from_thread(|_| ())
    });
    ready.recv().unwrap();
    drop(reactor);
    assert_eq!(
        caller.join().unwrap(),
        Err(CallFromThreadError::ReactorGone)
    );
    assert_eq!(remote.call_from_thread(|_| ()), Err(ReactorGone));
}

#[test]
fn a_blocking_call_that_panics_says_so() {
    let reactor = reactor();
    let remote = reactor.remote();
    let caller = thread::spawn(move || {
        let panicked = remote.blocking_call_from_thread(|_| -> u8 { panic!("a bug in a call") });
        remote.call_from_thread(ReactorHandle::stop).unwrap();
        panicked
    });
    reactor.run().unwrap();
    let error = caller.join().unwrap().unwrap_err();
    assert_eq!(
        error,
        CallFromThreadError::Panicked("a bug in a call".into())
    );
    assert!(error.to_string().contains("a bug in a call"));
}

#[test]
fn a_call_ends_a_pass_that_is_made_by_hand_wherever_it_comes_from() {
    for from_a_timer in [true, false] {
        let reactor = reactor();
        let done = Rc::new(Cell::new(false));
        // This call makes another one, whose wake ends the poll of the first pass. It waits for the
        // second pass, and nothing wakes that one.
        let remote = reactor.remote();
        let inner = remote.clone();
        remote
            .call_from_thread(move |_| inner.call_from_thread(|_| ()).unwrap())
            .unwrap();
        reactor.iterate(Duration::ZERO).unwrap();
        let says = done.clone();
        if from_a_timer {
            let own = remote.clone();
            reactor.call_later(Duration::ZERO, move || {
                says.set(true);
                own.call_from_thread(|_| ()).unwrap();
            });
        }
        let start = Instant::now();
        reactor.iterate(Duration::from_secs(600)).unwrap();
        assert!(done.get() == from_a_timer);
        assert!(start.elapsed() < Duration::from_secs(300), "it slept");
    }
}

#[test]
fn a_wake_ends_a_pass_of_the_loop() {
    let reactor = reactor();
    let remote = reactor.remote();
    let start = Instant::now();
    remote.wake();
    reactor.iterate(Duration::from_secs(600)).unwrap();
    let waker = thread::spawn(move || remote.wake());
    reactor.iterate(Duration::from_secs(600)).unwrap();
    waker.join().unwrap();
    let own = reactor.remote();
    reactor.call_later(Duration::ZERO, move || own.wake());
    reactor.iterate(Duration::from_secs(600)).unwrap();
    assert!(start.elapsed() < Duration::from_secs(300), "it slept");
}

#[test]
fn a_panic_in_a_call_spoils_no_other() {
    let reactor = reactor();
    let remote = reactor.remote();
    remote
        .call_from_thread(|_| panic!("a bug in a call"))
        .unwrap();
    remote.call_from_thread(|reactor| reactor.stop()).unwrap();
    reactor.run().unwrap();
}

#[test]
fn the_reactor_waits_for_what_another_thread_holds() {
    for event in [SystemEvent::Startup, SystemEvent::Shutdown] {
        let reactor = reactor();
        let (sender, receiver) = mpsc::channel();
        let (says, heard) = mpsc::channel();
        let said = says.clone();
        let holder = thread::spawn(move || {
            let hold = receiver.recv().unwrap();
            said.send("held").unwrap();
            // Nothing else wakes the reactor, which may be asleep by now.
            drop(hold);
        });
        reactor.add_system_event_trigger(Phase::Before, event.clone(), move |hold| {
            sender.send(hold).unwrap();
        });
        reactor.add_system_event_trigger(Phase::During, event, move |_| {
            says.send("went on").unwrap();
        });
        let handle = reactor.handle();
        reactor.call_when_running(move || handle.stop());
        reactor.run().unwrap();
        holder.join().unwrap();
        assert_eq!(heard.iter().collect::<Vec<_>>(), ["held", "went on"]);
    }
}
