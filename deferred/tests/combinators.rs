//! Several Deferreds at once: gathering, racing, locks and queues, and cancelling any of them.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::rc::Rc;

use retwist_deferred::{
    Deferred, DeferredLock, DeferredQueue, DeferredSemaphore, Failure, Promise, QueueOverflow,
    deferred_list, gather_results, race,
};

type Work = Deferred<u8, io::Error>;
type Promises = Vec<Promise<u8, io::Error>>;

/// Three pieces of work, and which of them were cancelled.
fn three() -> (Promises, Vec<Work>, Rc<RefCell<Vec<usize>>>) {
    let cancelled = Rc::new(RefCell::new(Vec::new()));
    let (promises, work) = (0..3)
        .map(|index| {
            let cancelled = cancelled.clone();
            Deferred::with_canceller(move |_| cancelled.borrow_mut().push(index))
        })
        .unzip();
    (promises, work, cancelled)
}

fn error() -> io::Error {
    io::ErrorKind::NotFound.into()
}

#[test]
fn gathered_in_order() {
    let (promises, work, _) = three();
    let mut all = gather_results(work);
    for index in [2, 0, 1] {
        assert!(!all.is_called());
        promises[index].callback(index as u8);
    }
    assert_eq!(all.take().unwrap().unwrap(), [0, 1, 2]);
    assert_eq!(
        gather_results(Vec::<Work>::new()).take().unwrap().unwrap(),
        []
    );
}

#[test]
fn the_first_failure_is_that_of_the_whole_and_ends_the_rest() {
    let (promises, work, cancelled) = three();
    let mut all = gather_results(work);
    promises[0].callback(1);
    promises[2].errback(error());
    assert!(all.take().unwrap().unwrap_err().error().is_some());
    assert_eq!(*cancelled.borrow(), [1]);
}

#[test]
fn a_list_hears_what_comes_of_each() {
    let (promises, work, cancelled) = three();
    let mut all = deferred_list(work);
    promises[1].errback(error());
    promises[0].callback(1);
    promises[2].callback(3);
    let outcomes = all.take().unwrap().unwrap();
    let values: Vec<_> = outcomes.into_iter().map(Result::ok).collect();
    assert_eq!(values, [Some(1), None, Some(3)]);
    assert!(cancelled.borrow().is_empty());
    assert!(
        deferred_list(Vec::<Work>::new())
            .take()
            .unwrap()
            .unwrap()
            .is_empty(),
        "at once"
    );
}

#[test]
fn cancelling_the_whole_cancels_each() {
    let (_promises, work, cancelled) = three();
    let mut all = gather_results(work);
    all.cancel();
    assert!(matches!(all.take(), Some(Err(Failure::Cancelled))));
    assert_eq!(*cancelled.borrow(), [0, 1, 2]);

    let (_promises, work, cancelled) = three();
    let mut all = deferred_list(work);
    all.cancel();
    assert_eq!(all.take().unwrap().unwrap().len(), 3);
    assert_eq!(*cancelled.borrow(), [0, 1, 2]);

    let (_promises, work, cancelled) = three();
    race(work).cancel();
    assert_eq!(*cancelled.borrow(), [0, 1, 2]);
}

#[test]
fn the_first_value_wins_the_race() {
    let (promises, work, cancelled) = three();
    let mut first = race(work);
    promises[0].errback(error());
    promises[2].callback(9);
    assert_eq!(first.take().unwrap().unwrap(), (2, 9));
    assert_eq!(*cancelled.borrow(), [1]);
}

#[test]
fn a_race_that_all_lose_tells_why() {
    let (promises, work, _) = three();
    let mut first = race(work);
    for promise in &promises {
        promise.errback(error());
    }
    let failure = first.take().unwrap().unwrap_err();
    assert_eq!(failure.error().unwrap().0.len(), 3);
    assert_eq!(failure.to_string().matches("entity not found").count(), 3);
    let empty = race(Vec::<Work>::new()).take().unwrap().unwrap_err();
    assert_eq!(
        empty.to_string(),
        "there is nothing to wait for: the list is empty"
    );
}

#[test]
fn a_lock_is_first_come_first_served() {
    let lock = DeferredLock::new();
    let order = Rc::new(RefCell::new(Vec::new()));
    let mut held = lock.acquire();
    let mut work: Vec<_> = (0..4)
        .map(|index| {
            let order = order.clone();
            lock.run(move || {
                order.borrow_mut().push(index);
                Ok::<_, Failure<Infallible>>(index)
            })
        })
        .collect();
    assert_eq!((lock.is_locked(), lock.waiting()), (true, 4));
    work[1].cancel();
    assert_eq!(work[1].take(), Some(Err(Failure::Cancelled)));
    drop(held.take());
    assert_eq!(*order.borrow(), [0, 2, 3]);
    assert!(!lock.is_locked());
    assert_eq!(work[3].take(), Some(Ok(3)));
}

#[test]
fn a_place_is_kept_until_the_work_is_done() {
    let semaphore = DeferredSemaphore::new(2);
    let running = Rc::new(Cell::new(0));
    let mut promises = Vec::new();
    let mut work = Vec::new();
    for _ in 0..4 {
        let (promise, deferred) = Deferred::<(), Infallible>::new();
        promises.push(promise);
        let running = running.clone();
        work.push(semaphore.run(move || {
            running.set(running.get() + 1);
            deferred
        }));
    }
    assert_eq!(running.get(), 2);
    promises[0].callback(());
    assert_eq!(running.get(), 3);
    work[1].cancel();
    assert_eq!((running.get(), semaphore.waiting()), (4, 0));
    promises[2].callback(());
    promises[3].callback(());
    assert_eq!(semaphore.free(), 2);
}

#[test]
fn a_million_that_no_longer_wait_need_no_stack() {
    let lock = DeferredLock::new();
    let held = lock.acquire();
    for _ in 0..1_000_000 {
        drop(lock.acquire());
    }
    drop(held);
    assert!(!lock.is_locked());
}

#[test]
fn many_may_stop_waiting_in_any_order() {
    let queue = DeferredQueue::new(0);
    let mut getting: Vec<_> = (0..200_000).map(|_| queue.get()).collect();
    let last = getting.pop();
    // Those in the middle of a long line, each of which a search would otherwise have to find.
    getting.iter().rev().for_each(Deferred::cancel);
    queue.put(7).unwrap();
    assert_eq!(last.unwrap().take(), Some(Ok(7)));
}

#[test]
fn a_queue_is_first_come_first_served_on_either_side() {
    let queue = DeferredQueue::new(2);
    let mut getting: Vec<_> = (0..3).map(|_| queue.get()).collect();
    getting[0].cancel();
    drop(getting.remove(1));
    queue.put(1).unwrap();
    assert_eq!(
        getting[1].take(),
        Some(Ok(1)),
        "no thing is lost on those who have gone"
    );
    queue.put(2).unwrap();
    queue.put(3).unwrap();
    assert_eq!(queue.put(4), Err(QueueOverflow(4)));
    assert_eq!(queue.get().take(), Some(Ok(2)));
    assert_eq!(queue.len(), 1);
}
