//! Order, chaining, cancelling, timeouts, and how little it takes to misuse a Deferred without
//! harm.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use retwist_deferred::{AlreadyCalled, Deferred, Failure, Promise};
use retwist_reactor::testing::ManualClock;

type Plain<T> = Deferred<T, Infallible>;
type Text<T> = Deferred<T, &'static str>;

const LONG: usize = 1_000_000;

#[test]
fn callbacks_run_in_order_and_at_once() {
    let (promise, deferred) = Text::<u8>::new();
    let seen = Rc::new(RefCell::new(Vec::new()));
    let note = |name: &'static str| {
        let seen = seen.clone();
        move |value: u8| {
            seen.borrow_mut().push((name, value));
            Ok(value + 1)
        }
    };
    let mut last = deferred
        .add_callback(note("first"))
        .add_callback(note("second"));
    promise.callback(1);
    assert_eq!(*seen.borrow(), [("first", 1), ("second", 2)]);
    assert_eq!(last.take(), Some(Ok(3)));

    Text::succeed(7).add_callback(note("ready"));
    assert_eq!(seen.borrow().last(), Some(&("ready", 7)));
}

#[test]
fn failures_pass_callbacks_and_values_pass_errbacks() {
    let mut deferred = Text::<u8>::fail("broken")
        .map(|_| unreachable!("a callback was called with a failure"))
        .add_errback(|failure| match failure {
            Failure::Error("broken") => Ok(1),
            other => Err(other),
        })
        .add_errback(|_| -> Text<u8> { unreachable!("an errback was called with a value") });
    assert_eq!(deferred.take(), Some(Ok(1)));

    let mut both = Text::<u8>::succeed(1).add_callbacks(
        |_| Deferred::<u16, io::Error>::fail(io::ErrorKind::NotFound.into()),
        |_| -> Deferred<u16, io::Error> { unreachable!("the other callback failed") },
    );
    let failure = both.take().unwrap().unwrap_err();
    assert_eq!(failure.error().unwrap().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_second_outcome_is_an_error_value() {
    let (promise, mut deferred) = Text::<u8>::new();
    promise.callback(1);
    assert!(!promise.callback(2));
    assert!(!promise.errback("late"));
    assert_eq!(promise.try_fire(Ok(3)), Err(AlreadyCalled(Ok(3))));
    assert_eq!(deferred.take(), Some(Ok(1)));
    assert_eq!(
        deferred.take(),
        Some(Err(Failure::BrokenPromise)),
        "taken twice"
    );
}

#[test]
fn a_promise_that_goes_away_abandons() {
    let (promise, mut deferred) = Plain::<u8>::new();
    let clone = promise.clone();
    drop(promise);
    assert!(!deferred.is_called());
    drop(clone);
    assert_eq!(deferred.take(), Some(Err(Failure::BrokenPromise)));
}

#[test]
fn a_panic_is_a_failure_of_what_comes_next() {
    let mut deferred = Plain::succeed(1).map(|_: u8| -> u8 { panic!("no {}", "way") });
    assert_eq!(
        deferred.take(),
        Some(Err(Failure::Panicked("no way".into())))
    );
}

#[test]
fn the_chain_waits_for_a_returned_deferred() {
    let (outer, deferred) = Text::<u8>::new();
    let (inner, waited) = Text::<u16>::new();
    let mut deferred = deferred.add_callback(|_| waited).map(|value| value + 1);
    outer.callback(1);
    assert!(!deferred.is_called());
    inner.callback(300);
    assert_eq!(deferred.take(), Some(Ok(301)));
}

#[test]
fn long_chains_need_no_stack() {
    let (promise, mut deferred) = Plain::<usize>::new();
    for _ in 0..LONG {
        deferred = deferred.map(|count| count + 1);
    }
    promise.callback(0);
    assert_eq!(deferred.take(), Some(Ok(LONG)));
}

#[test]
fn long_chains_are_cancelled_and_dropped_without_stack() {
    for cancelled in [true, false] {
        let (promise, mut deferred) = Plain::<usize>::new();
        for _ in 0..LONG {
            deferred = deferred.map(|count| count + 1);
        }
        if cancelled {
            deferred.cancel()
        } else {
            drop(promise)
        }
        assert!(deferred.take().unwrap().is_err());
    }
}

/// Each Deferred waits for one that was made inside its callback: a loop, as Twisted's users write
/// it.
#[test]
fn deferreds_inside_deferreds_need_no_stack() {
    fn step(left: usize, next: &Rc<RefCell<Option<Promise<(), Infallible>>>>) -> Plain<usize> {
        if left == 0 {
            return Plain::succeed(42);
        }
        let (promise, deferred) = Plain::new();
        *next.borrow_mut() = Some(promise);
        let next = next.clone();
        deferred.add_callback(move |()| step(left - 1, &next))
    }
    for cancelled in [false, true] {
        let next = Rc::default();
        let mut all = step(LONG, &next);
        for round in 0..LONG {
            if cancelled && round == LONG / 2 {
                all.cancel();
                assert_eq!(all.take(), Some(Err(Failure::Cancelled)));
                break;
            }
            let promise = next.borrow_mut().take().unwrap();
            promise.callback(());
        }
        if !cancelled {
            assert_eq!(all.take(), Some(Ok(42)));
        }
    }
}

#[test]
fn cancelled_without_a_canceller_the_late_value_is_swallowed_once() {
    let (promise, mut deferred) = Text::<u8>::new();
    deferred.cancel();
    assert_eq!(deferred.take(), Some(Err(Failure::Cancelled)));
    assert!(promise.callback(1));
    assert!(!promise.callback(1));
}

#[test]
fn cancellers() {
    let (promise, mut deferred) = Text::<u8>::with_canceller(|_| {});
    deferred.cancel();
    assert_eq!(deferred.take(), Some(Err(Failure::Cancelled)));
    assert!(!promise.callback(1), "its canceller knew");

    let (_, mut deferred) = Text::<u8>::with_canceller(|promise| assert!(promise.callback(9)));
    assert_eq!(
        deferred.take(),
        Some(Err(Failure::BrokenPromise)),
        "the only promise went"
    );

    let (promise, mut deferred) =
        Text::<u8>::with_canceller(|promise| assert!(promise.callback(9)));
    deferred.cancel();
    assert_eq!(deferred.take(), Some(Ok(9)));
    drop(promise);

    let (promise, deferred) = Text::<u8>::with_canceller(|_| unreachable!("it has fired"));
    promise.callback(1);
    deferred.cancel();
}

#[test]
fn cancelling_ends_the_work_that_the_chain_waits_for() {
    let cancelled = Rc::new(Cell::new(""));
    let source = |name| {
        let cancelled = cancelled.clone();
        Text::<u8>::with_canceller(move |_| cancelled.set(name))
    };
    let (_outer, deferred) = source("outer");
    deferred.map(|value| value + 1).cancel();
    assert_eq!(cancelled.get(), "outer");

    let (outer, deferred) = source("outer");
    let (_inner, waited) = source("inner");
    let deferred = deferred.add_callback(|_| waited).map(|value| value + 1);
    let canceller = deferred.canceller();
    let mut deferred = deferred.add_errback(|_| Ok(0));
    outer.callback(1);
    canceller.cancel();
    assert_eq!(cancelled.get(), "inner");
    assert_eq!(deferred.take(), Some(Ok(0)));
    canceller.cancel();
}

#[test]
fn a_callback_may_cancel_its_own_chain() {
    let (promise, deferred) = Plain::<u8>::new();
    let canceller = Rc::new(RefCell::new(None));
    let mut deferred = deferred.map({
        let canceller: Rc<RefCell<Option<retwist_deferred::Canceller>>> = canceller.clone();
        move |value| {
            canceller.borrow().as_ref().unwrap().cancel();
            value
        }
    });
    *canceller.borrow_mut() = Some(deferred.canceller());
    promise.callback(5);
    assert_eq!(deferred.take(), Some(Ok(5)));
}

/// As in Twisted, where it breaks the chain: here it is a failure, and nothing waits for itself.
#[test]
fn a_callback_that_returns_its_own_deferred_gets_none() {
    let (promise, deferred) = Plain::<u8>::new();
    let own: Rc<RefCell<Option<Plain<u8>>>> = Rc::default();
    let place = own.clone();
    let next = deferred.add_callback(move |_| place.take().unwrap());
    let canceller = next.canceller();
    *own.borrow_mut() = Some(next);
    let held = Rc::downgrade(&own);
    promise.callback(1);
    canceller.cancel();
    drop((promise, own));
    assert!(held.upgrade().is_none(), "nothing keeps itself alive");
}

#[test]
fn a_canceller_that_panics_is_a_failure() {
    let cancelled = Rc::new(Cell::new(false));
    let note = cancelled.clone();
    let (_promise, bad) = Plain::<u8>::with_canceller(|_| panic!("oops"));
    let (_other, good) = Plain::<u8>::with_canceller(move |_| note.set(true));
    let mut both = retwist_deferred::deferred_list(vec![bad, good]);
    both.cancel();
    let outcomes = both.take().unwrap().unwrap();
    let oops = Err(Failure::Panicked("oops".into()));
    assert_eq!(outcomes, [oops, Err(Failure::Cancelled)]);
    assert!(cancelled.get(), "the others are cancelled as well");
}

#[test]
fn timeouts() {
    let clock = ManualClock::new();
    let second = Duration::from_secs(1);
    let (promise, deferred) = Text::<u8>::new();
    let mut slow = deferred.timeout(second, &clock);
    clock.advance(second / 2);
    assert!(!slow.is_called());
    clock.advance(second);
    assert_eq!(slow.take(), Some(Err(Failure::TimedOut(second))));
    assert!(promise.callback(1));

    let (promise, deferred) = Text::<u8>::new();
    let mut quick = deferred.timeout(second, &clock);
    promise.callback(1);
    assert_eq!(clock.pending_calls(), 0, "the timer goes with the outcome");
    assert_eq!(quick.take(), Some(Ok(1)));

    let (_promise, deferred) = Text::<u8>::new();
    let mut given_up = deferred.timeout(second, &clock);
    given_up.cancel();
    assert_eq!(given_up.take(), Some(Err(Failure::Cancelled)));
    assert_eq!(clock.pending_calls(), 0);
}

#[test]
fn any_error_will_do() {
    let boxed: Deferred<u8, Box<dyn std::error::Error>> = Deferred::fail("text".into());
    let mut boxed = boxed.map_err(|error| io::Error::other(error.to_string()));
    let error: io::Error = boxed.take().unwrap().unwrap_err().into();
    assert_eq!(error.to_string(), "text");
    let error = Failure::<&str>::TimedOut(Duration::from_millis(1500)).into_error();
    assert_eq!(error.to_string(), "not done within 1.5 s");
}
