//! Calls made later: when they were promised, in order, and never in the turn that asked.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use retwist::Clock;
use retwist::testing::ManualClock;

use crate::lifecycle::{Log, reactor};

const SECOND: Duration = Duration::from_secs(1);

/// What a program does with its time.
fn work(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[test]
fn calls_come_in_order_of_their_time_and_equal_ones_in_order_of_asking() {
    let clock = ManualClock::new();
    let log = Log::default();
    for (after, word) in [(3, "d"), (1, "a"), (2, "b"), (2, "c"), (3, "e")] {
        clock.call_later(after * SECOND, log.sayer(word));
    }
    clock.advance(2 * SECOND);
    assert_eq!(log.story(), "a b c");
    clock.advance(10 * SECOND);
    assert_eq!(log.story(), "a b c d e");
}

#[test]
fn a_chain_of_calls_at_once_takes_a_turn_for_each() {
    let clock = Rc::new(ManualClock::new());
    let turns = Rc::new(Cell::new(0));
    fn chain(clock: Clock, left: u32, done: Rc<Cell<u32>>) {
        done.set(done.get() + 1);
        if left > 1 {
            let again = clock.clone();
            clock.call_later(Duration::ZERO, move || chain(again, left - 1, done));
        }
    }
    chain(Clock::clone(&clock), 5, turns.clone());
    for turn in 1..5 {
        assert_eq!(turns.get(), turn);
        clock.turn();
    }
    assert_eq!(turns.get(), 5);
}

#[test]
fn a_call_asked_for_soon_by_one_like_it_waits_for_the_next_turn() {
    let clock = Rc::new(ManualClock::new());
    let log = Log::default();
    let (again, first, second) = (
        Clock::clone(&clock),
        log.sayer("first"),
        log.sayer("second"),
    );
    clock.call_soon(move || {
        again.call_soon(second);
        first();
    });
    clock.turn();
    assert_eq!(log.story(), "first");
    clock.turn();
    assert_eq!(log.story(), "first second");
}

#[test]
fn a_call_can_be_cancelled_moved_and_put_off() {
    let clock = ManualClock::new();
    let log = Log::default();
    let cancelled = clock.call_later(SECOND, log.sayer("cancelled"));
    let sooner = clock.call_later(9 * SECOND, log.sayer("sooner"));
    let later = clock.call_later(SECOND, log.sayer("later"));
    assert!(cancelled.cancel());
    assert!(sooner.reset(2 * SECOND));
    assert!(later.delay(4 * SECOND));
    assert_eq!(later.when(), Some(clock.now() + 5 * SECOND));
    assert!(later.active() && !cancelled.active());
    clock.advance(4 * SECOND);
    assert_eq!(log.story(), "sooner");
    clock.advance(SECOND);
    assert_eq!(log.story(), "sooner later");
    assert_eq!(clock.pending_calls(), 0);
}

#[test]
fn a_call_that_is_over_says_so() {
    let clock = ManualClock::new();
    let called = clock.call_later(SECOND, || ());
    let cancelled = clock.call_later(SECOND, || ());
    assert!(cancelled.cancel());
    clock.advance(SECOND);
    for call in [called, cancelled] {
        assert!(!call.cancel());
        assert!(!call.reset(SECOND));
        assert!(!call.delay(SECOND));
        assert_eq!(call.when(), None);
    }
}

#[test]
fn a_call_cannot_be_cancelled_from_inside_itself() {
    let clock = ManualClock::new();
    let (slot, seen) = (Rc::new(RefCell::new(None)), Rc::new(Cell::new(None)));
    let (inside, result) = (slot.clone(), seen.clone());
    let call = clock.call_later(SECOND, move || {
        let call: retwist::DelayedCall = inside.take().unwrap();
        result.set(Some(call.cancel()));
    });
    slot.replace(Some(call));
    clock.advance(SECOND);
    assert_eq!(seen.get(), Some(false));
}

#[test]
fn a_call_may_cancel_one_that_is_due_with_it() {
    let clock = ManualClock::new();
    let log = Log::default();
    let doomed = Rc::new(RefCell::new(None));
    let (taken, say) = (doomed.clone(), log.sayer("first"));
    clock.call_later(SECOND, move || {
        say();
        let call: retwist::DelayedCall = taken.take().unwrap();
        assert!(call.cancel());
    });
    doomed.replace(Some(clock.call_later(SECOND, log.sayer("second"))));
    clock.advance(SECOND);
    assert_eq!(log.story(), "first");
}

#[test]
fn what_a_cancelled_call_captured_is_dropped_at_once() {
    let clock = ManualClock::new();
    let captured = Rc::new(());
    let held = captured.clone();
    let call = clock.call_later(SECOND, move || drop(held));
    assert!(call.cancel());
    assert_eq!(Rc::strong_count(&captured), 1);
}

#[test]
fn late_calls_come_once_each_and_do_not_pile_up() {
    // The process was stopped for an hour: what asks for itself again each second is called once in
    // this turn, not 3,600 times.
    let reactor = reactor();
    let count = Rc::new(Cell::new(0));
    fn tick(clock: Clock, count: Rc<Cell<u32>>) {
        count.set(count.get() + 1);
        let again = clock.clone();
        clock.call_later(Duration::from_nanos(1), move || tick(again, count));
    }
    tick(reactor.clock().clone(), count.clone());
    for passes in 1..10 {
        reactor.iterate(Duration::ZERO).unwrap();
        assert_eq!(count.get(), passes + 1);
    }
}

#[test]
fn a_distant_call_is_not_called_now() {
    let reactor = reactor();
    let log = Log::default();
    for distant in [
        Duration::MAX,
        Duration::from_secs(u64::MAX / 2),
        Duration::from_secs(100 * 365 * 86_400),
    ] {
        reactor.call_later(distant, log.sayer("much too early"));
    }
    reactor.iterate(Duration::from_millis(1)).unwrap();
    reactor.iterate(Duration::ZERO).unwrap();
    assert_eq!(log.story(), "");
    assert_eq!(reactor.clock().pending_calls(), 3);
}

#[test]
fn a_delay_is_counted_from_when_it_is_asked_for_also_outside_of_a_turn() {
    let reactor = reactor();
    let called = Rc::new(Cell::new(None));
    for _ in 0..2 {
        reactor.clock().now();
        // What a program does between making a reactor and running it.
        work(Duration::from_millis(30));
        let (asked, at) = (Instant::now(), called.clone());
        reactor.call_later(Duration::from_millis(20), move || {
            at.set(Some(asked.elapsed()))
        });
        while called.get().is_none() {
            reactor.iterate(Duration::from_millis(10)).unwrap();
        }
        assert!(called.take().unwrap() >= Duration::from_millis(20));
    }
}

#[test]
fn time_stands_still_within_a_turn() {
    let reactor = reactor();
    let same = Rc::new(Cell::new(false));
    let (clock, result) = (reactor.clock().clone(), same.clone());
    reactor.call_soon(move || {
        let before = clock.now();
        work(Duration::from_millis(2));
        result.set(clock.now() == before);
    });
    reactor.iterate(Duration::ZERO).unwrap();
    assert!(same.get());
}

#[test]
fn a_panic_in_a_call_spoils_no_other() {
    let clock = ManualClock::new();
    let log = Log::default();
    clock.call_later(SECOND, || panic!("a bug in a call"));
    clock.call_later(SECOND, log.sayer("well"));
    clock.advance(SECOND);
    assert_eq!(log.story(), "well");
}
