//! Jobs in other threads, and names.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use retwist_deferred::{
    Deferred, Executor, Failure, IntoBoxedError, ResolveError, Resolver, SystemResolver,
    ThreadPool, Value, gather_results,
};
use retwist_reactor::{Reactor, ReactorSettings};

fn quiet() -> Reactor {
    let settings = ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    };
    Reactor::with_settings(settings).unwrap()
}

/// Runs the reactor until there is an outcome.
fn outcome<T: 'static, E: IntoBoxedError>(
    reactor: &Reactor,
    deferred: Deferred<T, E>,
) -> Result<T, Failure<E>> {
    let (place, handle) = (Rc::new(RefCell::new(None)), reactor.handle());
    let result = place.clone();
    deferred.done(move |outcome| {
        *place.borrow_mut() = Some(outcome);
        handle.crash();
    });
    if result.borrow().is_none() {
        reactor.run().unwrap();
    }
    result
        .take()
        .expect("the reactor ran until there was an outcome")
}

#[test]
fn jobs_run_elsewhere_and_deliver_here() {
    let reactor = quiet();
    let pool = ThreadPool::new(&reactor);
    let here = thread::current().id();
    let (there, sum) = outcome(
        &reactor,
        pool.defer_to_thread(|| Ok::<_, io::Error>((thread::current().id(), 1 + 1))),
    )
    .unwrap();
    assert!(there != here && sum == 2);
    let failure = outcome(
        &reactor,
        pool.defer_to_thread(|| std::fs::read("/no/such/file")),
    )
    .unwrap_err();
    assert_eq!(failure.error().unwrap().kind(), io::ErrorKind::NotFound);
    let failure = outcome(&reactor, pool.defer_to_thread(|| assert_eq!(1, 2, "no"))).unwrap_err();
    assert!(failure.to_string().contains("no"), "{failure}");
    // One that has just delivered may not be idle yet when the next job comes.
    assert!((1..=3).contains(&pool.threads()));
}

#[test]
fn a_task_awaits_a_thread() {
    let reactor = quiet();
    let executor = Executor::new(&reactor);
    let pool = ThreadPool::new(&reactor);
    let task = executor.spawn(async move {
        let one = pool.defer_to_thread(|| Ok::<_, io::Error>(1)).await?;
        let two = pool.defer_to_thread(|| Ok::<_, io::Error>(2)).await?;
        Ok::<_, io::Error>(one + two)
    });
    assert_eq!(outcome(&reactor, task).unwrap(), 3);
}

#[test]
fn there_are_as_many_threads_as_there_is_work_for_up_to_the_size() {
    let reactor = quiet();
    let pool = ThreadPool::new(&reactor);
    assert_eq!(pool.threads(), 0);
    pool.set_size(3);
    let together = Arc::new(Barrier::new(3));
    let seen = Arc::new(Mutex::new(HashSet::new()));
    let jobs = (0..9).map(|_| {
        let (together, seen) = (together.clone(), seen.clone());
        pool.defer_to_thread(move || {
            // Three at a time: fewer threads would never get past this.
            together.wait();
            seen.lock().unwrap().insert(thread::current().id());
            Ok::<_, io::Error>(())
        })
    });
    outcome(&reactor, gather_results(jobs.collect())).unwrap();
    assert_eq!((seen.lock().unwrap().len(), pool.threads()), (3, 3));
}

#[test]
fn a_job_that_has_not_begun_can_be_cancelled() {
    let reactor = quiet();
    let pool = ThreadPool::new(&reactor);
    pool.set_size(1);
    let (go, wait) = mpsc::channel::<()>();
    let begun = Arc::new(AtomicUsize::new(0));
    let job = |begun: Arc<AtomicUsize>| {
        move || {
            begun.fetch_add(1, Ordering::SeqCst);
            Ok::<_, io::Error>(())
        }
    };
    let first = pool.defer_to_thread(move || wait.recv().map_err(io::Error::other));
    let mut second = pool.defer_to_thread(job(begun.clone()));
    let third = pool.defer_to_thread(job(begun.clone()));
    second.cancel();
    assert!(matches!(second.take(), Some(Err(Failure::Cancelled))));
    go.send(()).unwrap();
    outcome(&reactor, gather_results(vec![first, third])).unwrap();
    assert_eq!(begun.load(Ordering::SeqCst), 1);
}

#[test]
fn the_pool_ends_with_the_reactor() {
    let reactor = quiet();
    let pool = ThreadPool::new(&reactor);
    pool.set_size(1);
    let finished = Arc::new(AtomicUsize::new(0));
    let (begun, has_begun) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let note = finished.clone();
    let mut running = pool.defer_to_thread(move || {
        begun.send(()).unwrap();
        // Until the other job has been dropped, which is when the pool ends.
        wait.recv().unwrap_err();
        note.fetch_add(1, Ordering::SeqCst);
    });
    let note = finished.clone();
    let mut waiting = pool.defer_to_thread(move || {
        note.fetch_add(100, Ordering::SeqCst);
        drop(go);
    });
    has_begun.recv().unwrap();
    let handle = reactor.handle();
    reactor.call_soon(move || handle.stop());
    reactor.run().unwrap();
    assert_eq!(
        finished.load(Ordering::SeqCst),
        1,
        "it waits for what has begun"
    );
    assert_eq!(pool.threads(), 0);
    assert!(running.is_called() && waiting.is_called());
    assert_eq!(waiting.take(), Some(Err(Failure::ReactorEnded)));
    drop(running.take());
    assert_eq!(
        pool.defer_to_thread(|| ()).take(),
        Some(Err(Failure::ReactorEnded))
    );
}

#[test]
fn fewer_threads_when_the_size_is_cut() {
    let reactor = quiet();
    let pool = ThreadPool::new(&reactor);
    let together = Arc::new(Barrier::new(4));
    let jobs = (0..4).map(|_| {
        let together = together.clone();
        pool.defer_to_thread(move || {
            together.wait();
        })
    });
    outcome(&reactor, gather_results(jobs.collect())).unwrap();
    assert_eq!(pool.threads(), 4);
    pool.set_size(1);
    while pool.threads() > 1 {
        thread::yield_now();
    }
    outcome(&reactor, pool.defer_to_thread(|| ())).unwrap();
}

#[test]
fn names() {
    let reactor = quiet();
    let pool = ThreadPool::new(&reactor);
    let resolver = SystemResolver::new(&pool, reactor.clock());
    let literal = resolver.resolve("::1", 7).take().unwrap().unwrap();
    assert_eq!(literal, ["[::1]:7".parse().unwrap()]);
    let too_long = "x".repeat(255);
    for bad in ["", "a\0b", "a b", "\u{fc}\u{200f}.example", &too_long] {
        let failure = resolver.resolve(bad, 7).take().unwrap().unwrap_err();
        assert!(matches!(
            failure.error(),
            Some(ResolveError::InvalidName(_))
        ));
    }
    assert_eq!(pool.threads(), 0, "the system was not asked");
    let local = outcome(&reactor, resolver.resolve("localhost", 7)).unwrap();
    assert!(
        local
            .iter()
            .all(|address| address.ip().is_loopback() && address.port() == 7)
    );
    let failure = outcome(&reactor, resolver.resolve("no-such-host.invalid", 7)).unwrap_err();
    assert!(
        failure.to_string().contains("no-such-host.invalid"),
        "{failure}"
    );
    assert_eq!(reactor.clock().pending_calls(), 0);
}

/// The code that looks a name up may drop the resolver and the pool.
#[test]
fn a_look_up_is_finished_by_who_has_begun_it() {
    let reactor = quiet();
    let looking_up = {
        let pool = ThreadPool::new(&reactor);
        SystemResolver::new(&pool, reactor.clock()).resolve("localhost", 7)
    };
    assert!(!outcome(&reactor, looking_up).unwrap().is_empty());
    assert_eq!(reactor.clock().pending_calls(), 0);
}

#[test]
fn a_look_up_is_cancelled_and_times_out() {
    let reactor = quiet();
    let pool = ThreadPool::new(&reactor);
    pool.set_size(1);
    let (go, wait) = mpsc::channel::<()>();
    let busy = pool.defer_to_thread(move || wait.recv().unwrap());
    let resolver = SystemResolver::new(&pool, reactor.clock()).timeout(Duration::from_millis(1));
    let mut cancelled = resolver.resolve("localhost", 7);
    cancelled.cancel();
    assert!(matches!(cancelled.take(), Some(Err(Failure::Cancelled))));
    assert_eq!(reactor.clock().pending_calls(), 0);
    let failure = outcome(&reactor, resolver.resolve("localhost", 7)).unwrap_err();
    assert!(matches!(failure, Failure::TimedOut(_)));
    go.send(()).unwrap();
    outcome(&reactor, busy).unwrap();
}

/// What a job holds may panic when it is dropped, in whichever thread that is.
#[test]
fn a_panic_in_the_drop_of_a_job_or_of_its_result_spoils_no_other() {
    struct Fragile;

    impl Drop for Fragile {
        fn drop(&mut self) {
            panic!("a bug in a drop");
        }
    }

    let reactor = quiet();
    let pool = ThreadPool::new(&reactor);
    pool.set_size(1);
    // The result of a job that is cancelled while it runs is dropped in its thread.
    let (begun, has_begun) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let cancelled = pool.defer_to_thread(move || {
        begun.send(()).unwrap();
        wait.recv().unwrap();
        Value(Fragile)
    });
    has_begun.recv().unwrap();
    cancelled.cancel();
    drop(cancelled);
    go.send(()).unwrap();
    outcome(&reactor, pool.defer_to_thread(|| Value(7))).unwrap();

    let (begun, has_begun) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let running = pool.defer_to_thread(move || {
        begun.send(()).unwrap();
        wait.recv().unwrap_err();
    });
    has_begun.recv().unwrap();
    let pending: Vec<_> = (0..2)
        .map(|_| {
            let (fragile, go) = (Fragile, go.clone());
            pool.defer_to_thread(move || drop((go, fragile)))
        })
        .collect();
    drop(go);
    let handle = reactor.handle();
    reactor.call_soon(move || handle.stop());
    reactor.run().unwrap();
    assert_eq!(pool.threads(), 0);
    for mut job in pending {
        assert_eq!(job.take(), Some(Err(Failure::ReactorEnded)));
    }
    drop(running);
}
