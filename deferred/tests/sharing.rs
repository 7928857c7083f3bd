//! One outcome for several waiters, plain values, and failures of two levels.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use retwist_deferred::{
    Deferred, Executor, Failure, Interrupted, IntoDeferred, Value, maybe_deferred,
};
use retwist_reactor::testing::ManualClock;

type Text<T> = Deferred<T, &'static str>;

#[test]
fn all_waiters_get_the_outcome_in_order() {
    let (promise, deferred) = Text::<u8>::new();
    let shared = deferred.share();
    let seen: Rc<RefCell<Vec<(u8, u8)>>> = Rc::default();
    for waiter in 0..3 {
        let (seen, late) = (seen.clone(), shared.clone());
        shared.wait().done(move |value| {
            seen.borrow_mut().push((waiter, value.unwrap()));
            // One that comes meanwhile is served at once.
            let value = late.wait().take().unwrap().unwrap();
            seen.borrow_mut().push((waiter + 10, value));
        });
    }
    assert_eq!(shared.outcome(), None);
    promise.callback(5);
    assert_eq!(
        *seen.borrow(),
        [(0, 5), (10, 5), (1, 5), (11, 5), (2, 5), (12, 5)]
    );
    assert_eq!(shared.outcome(), Some(Ok(5)));
}

#[test]
fn a_waiter_is_cancelled_alone() {
    let (promise, deferred) = Text::<u8>::new();
    let shared = deferred.share();
    let (mut first, mut second) = (shared.wait(), shared.wait());
    first.cancel();
    assert_eq!(first.take(), Some(Err(Failure::Cancelled)));
    promise.errback("no");
    assert_eq!(second.take(), Some(Err(Failure::Error("no"))));
}

#[test]
fn cancelling_the_whole_ends_the_work() {
    let ended = Rc::new(RefCell::new(false));
    let note = ended.clone();
    let (_promise, deferred) = Text::<u8>::with_canceller(move |_| {
        note.replace(true);
    });
    let shared = deferred.share();
    let mut waiter = shared.wait();
    shared.cancel();
    assert!(*ended.borrow());
    assert_eq!(waiter.take(), Some(Err(Failure::Cancelled)));
}

#[test]
fn handles_may_go_before_the_outcome_comes() {
    let (promise, deferred) = Text::<u8>::new();
    let mut waiter = deferred.share().wait();
    promise.callback(1);
    assert_eq!(waiter.take(), Some(Ok(1)));
}

#[test]
fn plain_values() {
    assert_eq!(maybe_deferred(|| Value("v")).take(), Some(Ok("v")));
    assert_eq!(maybe_deferred(|| ()).take(), Some(Ok(())));
    assert_eq!(
        maybe_deferred(|| Text::fail("e").map(|v: u8| v)).take(),
        Some(Err(Failure::Error("e")))
    );
    let mut panicked = maybe_deferred(|| -> Value<u8> { panic!("oops") });
    assert_eq!(panicked.take(), Some(Err(Failure::Panicked("oops".into()))));
    assert_eq!(Value(3).into_deferred().take(), Some(Ok(3)));
}

/// A task that waits for Deferreds returns their failures.
#[test]
fn two_levels_of_failure_are_one() {
    async fn half(number: Deferred<u8, io::Error>) -> Result<u8, Failure<io::Error>> {
        Ok(number.await? / 2)
    }
    let clock = ManualClock::new();
    let executor = Executor::on_clock(&clock);
    let half = |number| -> Deferred<u8, io::Error> { executor.spawn(half(number)).flatten() };

    let mut good = half(Deferred::succeed(8));
    let mut failed = half(Deferred::fail(io::ErrorKind::AddrInUse.into()));
    let mut cancelled = half(Deferred::from_outcome(Err(Failure::Cancelled)));
    clock.run();
    assert_eq!(good.take().unwrap().unwrap(), 4);
    match failed.take() {
        Some(Err(Failure::Error(error))) => assert_eq!(error.kind(), io::ErrorKind::AddrInUse),
        other => panic!("{other:?}"),
    }
    assert!(matches!(cancelled.take(), Some(Err(Failure::Cancelled))));
}

#[derive(Debug, PartialEq)]
enum Own {
    Number,
    Interrupted(Interrupted),
}

impl From<std::num::ParseIntError> for Own {
    fn from(_: std::num::ParseIntError) -> Self {
        Own::Number
    }
}

impl From<Interrupted> for Own {
    fn from(how: Interrupted) -> Self {
        Own::Interrupted(how)
    }
}

impl From<Failure<std::num::ParseIntError>> for Own {
    fn from(failure: Failure<std::num::ParseIntError>) -> Self {
        failure.into_own()
    }
}

#[test]
fn a_failure_becomes_an_error_of_ones_own() {
    let parse = |text: &str| maybe_deferred(|| Ok(text.parse::<u8>()?));
    let own = |mut deferred: Deferred<u8, _>| -> Result<u8, Own> { Ok(deferred.take().unwrap()?) };
    assert_eq!(own(parse("7")), Ok(7));
    assert_eq!(own(parse("x")), Err(Own::Number));
    assert_eq!(
        own(Deferred::from_outcome(Err(Failure::BrokenPromise))),
        Err(Own::Interrupted(Interrupted::BrokenPromise))
    );
    let error: io::Error = Interrupted::TimedOut(std::time::Duration::from_secs(1)).into();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "not done within 1 s");
}
