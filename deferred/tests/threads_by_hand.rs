//! A thread pool on a reactor without threads: its jobs are done when the test says so.

use std::cell::RefCell;
use std::fmt::Debug;
use std::rc::Rc;

use retwist_deferred::{Deferred, Executor, Failure, IntoBoxedError, ThreadPool, Value};
use retwist_reactor::testing::MemoryReactor;
use retwist_reactor::{Phase, SystemEvent};

type Log = Rc<RefCell<Vec<String>>>;

fn note<T: Debug + 'static, E: IntoBoxedError + Debug>(log: &Log, deferred: Deferred<T, E>) {
    let log = log.clone();
    deferred.done(move |outcome| log.borrow_mut().push(format!("{outcome:?}")));
}

#[test]
fn jobs_are_done_in_order_when_the_test_says_so() {
    let reactor = MemoryReactor::new();
    let (pool, log) = (ThreadPool::new(&reactor), Log::default());
    for number in 1..=3 {
        note(&log, pool.defer_to_thread(move || Value(number)));
    }
    reactor.clock().run();
    assert_eq!((reactor.pending_jobs(), pool.threads()), (3, 0));
    assert!(log.borrow().is_empty());
    assert!(reactor.run_job());
    assert_eq!(*log.borrow(), ["Ok(1)"]);
    while reactor.run_job() {}
    assert_eq!(*log.borrow(), ["Ok(1)", "Ok(2)", "Ok(3)"]);
}

#[test]
fn a_job_that_panics_is_a_failure() {
    let reactor = MemoryReactor::new();
    let pool = ThreadPool::new(&reactor);
    let mut job = pool.defer_to_thread(|| -> Result<(), String> { panic!("a bug") });
    assert!(reactor.run_job());
    let outcome = job.take().expect("it is done");
    assert!(matches!(outcome, Err(Failure::Panicked(message)) if &*message == "a bug"));
}

#[test]
fn a_job_that_is_cancelled_is_not_done() {
    let reactor = MemoryReactor::new();
    let pool = ThreadPool::new(&reactor);
    let job = pool.defer_to_thread(|| -> Value<()> { panic!("it was cancelled") });
    job.cancel();
    assert_eq!(reactor.pending_jobs(), 0);
    assert!(!reactor.run_job());
}

#[test]
fn the_end_of_the_reactor_ends_what_was_not_done() {
    let reactor = MemoryReactor::new();
    let (pool, log) = (ThreadPool::new(&reactor), Log::default());
    let executor = Executor::new(&reactor);
    note(&log, pool.defer_to_thread(|| Value(1)));
    let waits = pool.defer_to_thread(|| Value(2));
    note(&log, executor.spawn(async move { waits.await.map(drop) }));
    assert!(reactor.start() && reactor.shut_down());
    assert_eq!(reactor.pending_jobs(), 0);
    assert_eq!(log.borrow().len(), 2);
    let is_ended = |line: &String| line.contains("ReactorEnded");
    assert!(log.borrow().iter().all(is_ended), "{log:?}");
    note(&log, pool.defer_to_thread(|| Value(3)));
    assert!(log.borrow().iter().all(is_ended), "{log:?}");
}

#[test]
fn a_hold_keeps_back_the_end() {
    let reactor = MemoryReactor::new();
    let held = Rc::new(RefCell::new(None));
    let keeps = held.clone();
    let program: &dyn retwist_reactor::FullReactor = &reactor;
    program.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move |hold| {
        *keeps.borrow_mut() = Some(hold);
    });
    assert!(reactor.start());
    assert!(!reactor.shut_down() && !reactor.shut_down());
    held.take();
    assert!(reactor.shut_down());
}
