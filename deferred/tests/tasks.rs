//! Work that repeats, and work in small steps.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use retwist_deferred::{
    AlreadyLooping, Cooperator, Deferred, Failure, LoopingCall, Outcome, Promise, defer_later,
};
use retwist_reactor::testing::ManualClock;

const SECOND: Duration = Duration::from_secs(1);

type Plain<T> = Deferred<T, Infallible>;

/// The times in milliseconds, and counts, of the calls of a loop.
type Calls = Rc<RefCell<Vec<(u128, u64)>>>;

fn noting(clock: &ManualClock) -> (Calls, LoopingCall<Infallible>) {
    let calls = Calls::default();
    let (note, time, start) = (
        calls.clone(),
        retwist_reactor::Clock::clone(clock),
        clock.now(),
    );
    let looping = LoopingCall::with_count(clock, move |count| {
        note.borrow_mut()
            .push(((time.now() - start).as_millis(), count));
    });
    (calls, looping)
}

#[test]
fn it_calls_on_its_grid() {
    let clock = ManualClock::new();
    let (calls, looping) = noting(&clock);
    let mut ended = looping.start(SECOND).unwrap();
    assert_eq!(looping.start(SECOND).unwrap_err(), AlreadyLooping);
    clock.advance(SECOND * 3);
    assert_eq!(*calls.borrow(), [(0, 1), (1000, 1), (2000, 1), (3000, 1)]);
    assert_eq!(clock.pending_calls(), 1);
    looping.stop();
    assert_eq!(ended.take(), Some(Ok(())));
    assert_eq!(clock.pending_calls(), 0);
    looping.stop();

    calls.borrow_mut().clear();
    let ended = looping.start_later(SECOND).unwrap();
    clock.advance(SECOND * 2);
    assert_eq!(*calls.borrow(), [(4000, 1), (5000, 1)]);
    ended.cancel();
    assert_eq!((looping.is_running(), clock.pending_calls()), (false, 0));
}

#[test]
fn it_waits_for_what_a_call_returns_and_counts_what_it_left_out() {
    let clock = ManualClock::new();
    let counts = Rc::new(RefCell::new(Vec::new()));
    let note = counts.clone();
    let time = retwist_reactor::Clock::clone(&clock);
    let looping = LoopingCall::with_count(&clock, move |count| {
        note.borrow_mut().push(count);
        defer_later(&time, SECOND * 7 / 2, || Plain::succeed(()))
    });
    let mut ended = looping.start(SECOND).unwrap();
    clock.advance(SECOND * 8);
    // At 0 until 3.5, at 4 until 7.5, at 8.
    assert_eq!(*counts.borrow(), [1, 4, 4]);
    looping.stop();
    assert!(!ended.is_called(), "it waits for the last call");
    clock.advance(SECOND * 4);
    assert_eq!(ended.take(), Some(Ok(())));
    assert_eq!((counts.borrow().len(), clock.pending_calls()), (3, 0));
}

#[test]
fn cancelled_it_cancels_what_it_waits_for() {
    let clock = ManualClock::new();
    let time = retwist_reactor::Clock::clone(&clock);
    let looping = LoopingCall::new(&clock, move || {
        defer_later(&time, SECOND, || Plain::succeed(()))
    });
    let mut ended = looping.start(SECOND).unwrap();
    assert_eq!(clock.pending_calls(), 1);
    ended.cancel();
    assert_eq!(ended.take(), Some(Err(Failure::Cancelled)));
    assert_eq!((looping.is_running(), clock.pending_calls()), (false, 0));
}

#[test]
fn a_failure_ends_it() {
    let clock = ManualClock::new();
    let mut left = 3;
    let looping = LoopingCall::new(&clock, move || -> Outcome<(), &str> {
        left -= 1;
        if left == 0 {
            Err("broken".into())
        } else {
            Ok(())
        }
    });
    let mut ended = looping.start(SECOND).unwrap();
    clock.advance(SECOND * 10);
    assert_eq!(ended.take(), Some(Err(Failure::Error("broken"))));

    let looping = LoopingCall::new(&clock, || -> Outcome<(), &str> { panic!("oops") });
    let mut ended = looping.start(SECOND).unwrap();
    assert_eq!(ended.take(), Some(Err(Failure::Panicked("oops".into()))));
    assert_eq!(clock.pending_calls(), 0);
}

#[test]
fn an_interval_of_zero_is_once_a_turn() {
    let clock = ManualClock::new();
    let (calls, looping) = noting(&clock);
    let _ended = looping.start(Duration::ZERO).unwrap();
    for _ in 0..5 {
        clock.turn();
    }
    assert_eq!(
        calls.borrow().iter().map(|call| call.1).collect::<Vec<_>>(),
        [1; 6]
    );
    looping.stop();
}

#[test]
fn reset_begins_a_new_grid() {
    let clock = ManualClock::new();
    let (calls, looping) = noting(&clock);
    let _ended = looping.start(SECOND).unwrap();
    clock.advance(SECOND / 2);
    looping.reset();
    clock.advance(SECOND * 2);
    assert_eq!(*calls.borrow(), [(0, 1), (1500, 1), (2500, 1)]);
}

#[test]
fn it_may_be_stopped_and_started_from_its_own_call() {
    let clock = ManualClock::new();
    let place: Rc<RefCell<Option<LoopingCall<Infallible>>>> = Rc::default();
    let inner = place.clone();
    let looping = LoopingCall::new(&clock, move || {
        let looping = inner.borrow().clone().unwrap();
        looping.stop();
        assert!(looping.start(SECOND).is_err(), "it has not returned");
    });
    *place.borrow_mut() = Some(looping.clone());
    let mut ended = looping.start(SECOND).unwrap();
    assert_eq!(ended.take(), Some(Ok(())));
    place.take();
}

#[test]
fn cancelled_from_its_own_call_it_leaves_nothing_of_the_old_run_to_the_next() {
    let clock = ManualClock::new();
    let ended: Rc<RefCell<Option<Plain<()>>>> = Rc::default();
    let cancelled = Rc::new(Cell::new(0));
    let late: Rc<RefCell<Option<Promise<(), Infallible>>>> = Rc::default();
    let (run, note, place) = (ended.clone(), cancelled.clone(), late.clone());
    let mut calls = 0;
    let looping = LoopingCall::new(&clock, move || {
        calls += 1;
        if calls != 2 {
            return Plain::succeed(());
        }
        run.borrow().as_ref().unwrap().cancel();
        let note = note.clone();
        let (promise, waits) = Plain::<()>::with_canceller(move |_| note.set(note.get() + 1));
        *place.borrow_mut() = Some(promise);
        waits
    });
    *ended.borrow_mut() = Some(looping.start(SECOND).unwrap());
    clock.advance(SECOND);
    assert_eq!(ended.take().unwrap().take(), Some(Err(Failure::Cancelled)));
    assert_eq!((looping.is_running(), cancelled.get()), (false, 1));
    let _again = looping.start(SECOND).unwrap();
    late.take().unwrap().fire(Ok(()));
    clock.advance(SECOND * 3);
    assert_eq!(clock.pending_calls(), 1, "one run, one timer");
    looping.stop();
}

#[test]
fn reset_and_stopped_from_its_own_call() {
    let clock = ManualClock::new();
    let place: Rc<RefCell<Option<LoopingCall<Infallible>>>> = Rc::default();
    let calls = Calls::default();
    let (inner, note) = (place.clone(), calls.clone());
    let (time, start) = (retwist_reactor::Clock::clone(&clock), clock.now());
    let looping = LoopingCall::with_count(&clock, move |count| {
        let now = (time.now() - start).as_millis();
        note.borrow_mut().push((now, count));
        let looping = inner.borrow().clone().unwrap();
        match now {
            // The grid begins here, in the middle of a call that takes a while.
            2000 => {
                let later = retwist_reactor::Clock::clone(&time);
                defer_later(&later, SECOND / 2, move || {
                    looping.reset();
                    Plain::succeed(())
                })
            }
            4500 => {
                looping.stop();
                Plain::succeed(())
            }
            _ => Plain::succeed(()),
        }
    });
    *place.borrow_mut() = Some(looping.clone());
    let mut ended = looping.start(SECOND).unwrap();
    clock.advance(SECOND * 10);
    let expected = [(0, 1), (1000, 1), (2000, 1), (3500, 1), (4500, 1)];
    assert_eq!(*calls.borrow(), expected);
    assert_eq!(ended.take(), Some(Ok(())));
    assert_eq!(clock.pending_calls(), 0);
    place.take();
}

#[test]
fn a_call_that_is_not_made() {
    let clock = ManualClock::new();
    let called = Rc::new(Cell::new(false));
    let note = called.clone();
    let mut later = defer_later(&clock, SECOND, move || {
        note.set(true);
        Plain::succeed(())
    });
    later.cancel();
    assert_eq!(later.take(), Some(Err(Failure::Cancelled)));
    assert_eq!(clock.pending_calls(), 0);
    clock.advance(SECOND * 2);
    assert!(!called.get());
}

#[test]
fn work_takes_turns_in_slices() {
    let clock = ManualClock::new();
    let cooperator = Cooperator::max_steps_per_turn(&clock, 4);
    let steps = Rc::new(RefCell::new(String::new()));
    let work = |name: char, count: usize| {
        let steps = steps.clone();
        (0..count).map(move |_| steps.borrow_mut().push(name))
    };
    let (_a, mut a) = cooperator.cooperate(work('a', 5));
    let (_b, mut b) = cooperator.cooperate(work('b', 2));
    clock.turn();
    assert_eq!(*steps.borrow(), "abab");
    clock.run();
    assert_eq!(*steps.borrow(), "ababaaa");
    assert_eq!((a.take(), b.take()), (Some(Ok(())), Some(Ok(()))));
}

#[test]
fn work_waits_for_deferreds_and_pauses_are_counted() {
    let clock = ManualClock::new();
    let cooperator = Cooperator::new(&clock);
    let promises: Rc<RefCell<Vec<Promise<(), &str>>>> = Rc::default();
    let place = promises.clone();
    let (task, mut done) = cooperator.cooperate((0..2).map(move |_| {
        let (promise, deferred) = Deferred::new();
        place.borrow_mut().push(promise);
        deferred
    }));
    clock.run();
    assert_eq!(promises.borrow().len(), 1);
    task.pause();
    task.pause();
    assert!(task.resume());
    promises.borrow()[0].callback(());
    clock.run();
    assert_eq!(promises.borrow().len(), 1, "paused once too often");
    assert!(task.resume());
    assert!(!task.resume());
    clock.run();
    promises.borrow()[1].errback("broken");
    assert_eq!(done.take(), Some(Err(Failure::Error("broken"))));
}

#[test]
fn work_is_stopped() {
    let clock = ManualClock::new();
    let cooperator = Cooperator::new(&clock);
    let held = Rc::new(());
    let work = |held: Rc<()>| {
        let mut promises = Vec::new();
        std::iter::repeat_with(move || {
            let (promise, deferred) = Plain::<()>::new();
            promises.push((promise, held.clone()));
            deferred
        })
    };
    let (task, mut done) = cooperator.cooperate(work(held.clone()));
    clock.run();
    task.stop();
    assert_eq!(done.take(), Some(Err(Failure::Cancelled)));
    let (_task, done) = cooperator.cooperate(work(held.clone()));
    done.cancel();
    clock.run();
    assert_eq!(Rc::strong_count(&held), 1);

    let (_task, mut done) =
        cooperator.cooperate((0..1).map(|_| -> Outcome<(), &str> { panic!("oops") }));
    clock.run();
    assert_eq!(done.take(), Some(Err(Failure::Panicked("oops".into()))));
}

/// The work goes on when all handles of the cooperator have gone, also after a Deferred and after a
/// pause.
#[test]
fn work_keeps_its_cooperator() {
    let clock = ManualClock::new();
    let promises: Rc<RefCell<Vec<Promise<(), Infallible>>>> = Rc::default();
    let place = promises.clone();
    let (task, mut done) = Cooperator::new(&clock).cooperate((0..2).map(move |_| {
        let (promise, deferred) = Deferred::new();
        place.borrow_mut().push(promise);
        deferred
    }));
    clock.run();
    promises.borrow()[0].callback(());
    clock.run();
    assert_eq!(promises.borrow().len(), 2);
    task.pause();
    promises.borrow()[1].callback(());
    clock.run();
    assert!(!done.is_called());
    task.resume();
    clock.run();
    assert_eq!(done.take(), Some(Ok(())));
}

#[test]
fn work_that_is_paused_or_stopped_from_its_own_step() {
    let clock = ManualClock::new();
    let cooperator = Cooperator::new(&clock);
    let place: Rc<RefCell<Option<retwist_deferred::CooperativeTask>>> = Rc::default();
    let inner = place.clone();
    let (task, mut done) = cooperator.cooperate((0..10).map(move |step| {
        let task = inner.borrow();
        match step {
            3 => task.as_ref().unwrap().pause(),
            5 => task.as_ref().unwrap().stop(),
            6 => unreachable!("it was stopped"),
            _ => {}
        }
    }));
    *place.borrow_mut() = Some(task.clone());
    clock.run();
    assert!(!done.is_called(), "paused");
    task.resume();
    clock.run();
    assert_eq!(done.take(), Some(Err(Failure::Cancelled)));
    task.stop();
    assert!(!task.resume());
    place.take();
}

#[test]
fn long_work_gives_way() {
    let clock = ManualClock::new();
    let cooperator = Cooperator::new(&clock);
    let (task, _done) = cooperator.cooperate(std::iter::repeat_with(|| ()));
    // Comes back, however much is left to do.
    clock.turn();
    clock.turn();
    task.stop();
}
