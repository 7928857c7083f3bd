//! Tasks: who runs when, who wakes them, and what is left when they are gone.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::io;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use retwist_deferred::{Deferred, Executor, Failure, sleep, timeout};
use retwist_reactor::testing::ManualClock;
use retwist_reactor::{Reactor, ReactorSettings};

const SECOND: Duration = Duration::from_secs(1);

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn oops() {
    panic!("oops");
}

fn quiet() -> Reactor {
    let settings = ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    };
    Reactor::with_settings(settings).unwrap()
}

#[test]
fn a_task_runs_in_a_later_turn_and_delivers() {
    let clock = ManualClock::new();
    let executor = Executor::on_clock(&clock);
    let mut task = executor.spawn(async { Ok::<_, Infallible>(7) });
    assert!(!task.is_called());
    clock.run();
    assert_eq!(task.take(), Some(Ok(7)));
    assert_eq!(executor.running_tasks(), 0);
}

#[test]
fn errors_and_panics_are_delivered() {
    let clock = ManualClock::new();
    let executor = Executor::on_clock(&clock);
    let mut fails =
        executor.spawn(async { Err::<(), _>(io::Error::from(io::ErrorKind::NotFound)) });
    let mut panics = executor.spawn(async { oops() });
    clock.run();
    let failure = fails.take().unwrap().unwrap_err();
    assert_eq!(failure.error().unwrap().kind(), io::ErrorKind::NotFound);
    assert_eq!(panics.take(), Some(Err(Failure::Panicked("oops".into()))));
}

#[test]
fn deferreds_and_sleeps_are_awaited() {
    let clock = ManualClock::new();
    let executor = Executor::on_clock(&clock);
    let (promise, deferred) = Deferred::<u32, Infallible>::new();
    let time = retwist_reactor::Clock::clone(&clock);
    let mut task = executor.spawn(async move {
        let value = deferred.await?;
        sleep(&time, SECOND).await;
        Ok::<_, Failure<Infallible>>(value + 1)
    });
    clock.run();
    promise.callback(1);
    clock.advance(SECOND / 2);
    assert!(!task.is_called());
    clock.advance(SECOND);
    assert_eq!(task.take(), Some(Ok(2)));
}

#[test]
fn cancelling_drops_the_future_and_what_it_waits_for() {
    let clock = ManualClock::new();
    let executor = Executor::on_clock(&clock);
    let cancelled = Rc::new(Cell::new(false));
    let (_promise, deferred) = Deferred::<(), Infallible>::with_canceller({
        let cancelled = cancelled.clone();
        move |_| cancelled.set(true)
    });
    let mut task = executor.spawn(deferred);
    clock.run();
    task.cancel();
    assert!(cancelled.get());
    assert_eq!(task.take(), Some(Err(Failure::Cancelled)));
    assert_eq!(executor.running_tasks(), 0);
}

#[test]
fn a_task_may_cancel_itself() {
    let clock = ManualClock::new();
    let executor = Executor::on_clock(&clock);
    let dropped = Rc::new(Cell::new(0));
    let canceller: Rc<RefCell<Option<retwist_deferred::Canceller>>> = Rc::default();
    let mut task = executor.spawn({
        let (dropped, canceller) = (dropped.clone(), canceller.clone());
        let guard = OnDrop(move || dropped.set(dropped.get() + 1));
        async move {
            let _guard = guard;
            canceller.borrow().as_ref().unwrap().cancel();
            pending::<()>().await;
        }
    });
    *canceller.borrow_mut() = Some(task.canceller());
    clock.run();
    assert_eq!((dropped.get(), executor.running_tasks()), (1, 0));
    assert_eq!(task.take(), Some(Err(Failure::Cancelled)));
}

#[test]
fn a_dropped_handle_lets_it_run() {
    let clock = ManualClock::new();
    let executor = Executor::on_clock(&clock);
    let done = Rc::new(Cell::new(false));
    let note = done.clone();
    drop(executor.spawn(async move { note.set(true) }));
    clock.run();
    assert!(done.get());
}

#[test]
fn timeouts_leave_no_timer() {
    let clock = ManualClock::new();
    let executor = Executor::on_clock(&clock);
    let time = retwist_reactor::Clock::clone(&clock);
    let mut task = executor.spawn(async move {
        let quick = timeout(&time, SECOND, async { 1 }).await;
        let slow = timeout(&time, SECOND, pending::<u8>()).await;
        Ok::<_, Infallible>((quick.unwrap(), slow.unwrap_err().0))
    });
    clock.advance(SECOND);
    assert_eq!(task.take(), Some(Ok((1, SECOND))));
    assert_eq!(clock.pending_calls(), 0);

    let time = retwist_reactor::Clock::clone(&clock);
    let task = executor.spawn(async move { sleep(&time, SECOND).await });
    clock.run();
    assert_eq!(clock.pending_calls(), 1);
    task.cancel();
    assert_eq!(clock.pending_calls(), 0);
}

#[test]
fn a_task_that_always_wakes_itself_does_not_hold_up_the_others() {
    let clock = ManualClock::new();
    let executor = Executor::on_clock(&clock);
    let rounds = Rc::new(Cell::new(0));
    let count = rounds.clone();
    let busy = executor.spawn(poll_fn(move |context| {
        count.set(count.get() + 1);
        context.waker().wake_by_ref();
        Poll::<()>::Pending
    }));
    let mut other = executor.spawn(async {});
    for _ in 0..10 {
        clock.turn();
    }
    assert_eq!(rounds.get(), 10, "once a turn");
    assert_eq!(other.take(), Some(Ok(())));
    busy.cancel();
}

#[test]
fn the_end_of_the_executor_is_the_end_of_its_tasks() {
    let clock = ManualClock::new();
    let executor = Executor::on_clock(&clock);
    let spawner = (*executor).clone();
    let dropped = Rc::new(Cell::new(false));
    let (note, again) = (dropped.clone(), spawner.clone());
    let mut task = executor.spawn({
        let guard = OnDrop(move || {
            note.set(true);
            drop(again.spawn(async {}));
        });
        async move {
            let _guard = guard;
            pending::<()>().await;
        }
    });
    clock.run();
    drop(executor);
    assert!(dropped.get());
    assert_eq!(task.take(), Some(Err(Failure::BrokenPromise)));
    assert_eq!(
        spawner.spawn(async {}).take(),
        Some(Err(Failure::BrokenPromise))
    );
    clock.run();
}

/// Finishes at once, and panics when it is dropped.
struct Bomb;

impl Future for Bomb {
    type Output = ();

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("oops");
    }
}

#[test]
fn a_future_that_panics_when_it_is_dropped_spoils_no_other() {
    let clock = ManualClock::new();
    let executor = Executor::on_clock(&clock);
    let mut bomb = executor.spawn(Bomb);
    let mut other = executor.spawn(async {});
    clock.run();
    assert_eq!(bomb.take(), Some(Ok(())));
    assert_eq!(other.take(), Some(Ok(())));

    let dropped = Rc::new(Cell::new(0));
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let note = dropped.clone();
            let guard = OnDrop(move || note.set(note.get() + 1));
            executor.spawn(async move {
                let _bomb = Bomb;
                let _guard = guard;
                pending::<()>().await;
            })
        })
        .collect();
    clock.run();
    tasks[0].cancel();
    assert_eq!(dropped.get(), 1);
    drop(executor);
    assert_eq!(dropped.get(), 10);
}

#[test]
fn other_threads_wake_tasks() {
    let reactor = quiet();
    let executor = Executor::new(&reactor);
    let (sender, receiver) = mpsc::channel();
    let mut polls = 0;
    let task = executor.spawn(poll_fn(move |context| {
        polls += 1;
        match polls {
            101 => Poll::Ready(()),
            _ => {
                sender.send(context.waker().clone()).unwrap();
                Poll::Pending
            }
        }
    }));
    let waking = thread::spawn(move || receiver.iter().for_each(|waker| waker.wake()));
    let handle = reactor.handle();
    drop(task.map(move |()| handle.stop()));
    reactor.run().unwrap();
    waking.join().unwrap();
}

#[test]
fn tasks_end_with_the_reactor() {
    let reactor = quiet();
    let executor = Executor::new(&reactor);
    let handle = reactor.handle();
    let mut waits = executor.spawn(async move {
        handle.stop();
        pending::<()>().await;
    });
    reactor.run().unwrap();
    assert_eq!(waits.take(), Some(Err(Failure::ReactorEnded)));
    assert_eq!(executor.running_tasks(), 0);
    assert_eq!(
        executor.spawn(async {}).take(),
        Some(Err(Failure::ReactorEnded))
    );
}

#[test]
fn a_waker_outlives_everything() {
    let clock = ManualClock::new();
    let executor = Executor::on_clock(&clock);
    let kept = Rc::new(RefCell::new(None));
    let place = kept.clone();
    let task = executor.spawn(poll_fn(move |context| {
        *place.borrow_mut() = Some(context.waker().clone());
        Poll::<()>::Pending
    }));
    clock.run();
    drop(executor);
    drop(task);
    let waker = kept.take().unwrap();
    waker.wake_by_ref();
    thread::spawn(move || waker.wake()).join().unwrap();
    clock.run();
}
