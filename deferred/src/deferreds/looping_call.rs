use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use retwist_reactor::{Clock, DelayedCall, catch_panic};

use crate::{Canceller, Deferred, Failure, IntoBoxedError, IntoDeferred, Outcome, Promise};

/// Calls something again and again, on a grid of times.
///
/// A call never begins before the one before it has ended: where it returns a Deferred, that is
/// waited for. Times that pass meanwhile are left out, and the next call is on the grid again,
/// however long the last one took. A failure ends it.
///
/// ```
/// use retwist_deferred::LoopingCall;
/// use retwist_reactor::testing::ManualClock;
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let ticks = Rc::new(Cell::new(0));
/// let count = ticks.clone();
/// let looping = LoopingCall::new(&clock, move || count.set(count.get() + 1));
/// let ended = looping.start(Duration::from_secs(1)).unwrap();
/// clock.advance(Duration::from_secs(3));
/// assert_eq!(ticks.get(), 4);
/// looping.stop();
/// assert!(ended.is_called());
/// ```
///
/// A cheap handle: clones are the same call. Dropping them all does not stop it.
pub struct LoopingCall<E: IntoBoxedError> {
    inner: Rc<Inner<E>>,
}

struct Inner<E: IntoBoxedError> {
    clock: Clock,
    call: RefCell<Call<E>>,
    run: RefCell<Option<Run<E>>>,
}

type Call<E> = Box<dyn FnMut(u64) -> Deferred<(), E>>;

/// From a start to its end.
struct Run<E: IntoBoxedError> {
    promise: Promise<(), E>,
    grid: Grid,
    /// None while it is being called, and what it has returned is waited for.
    timer: Option<DelayedCall>,
    waited_for: Option<Canceller>,
    stopping: bool,
}

/// When it is time.
struct Grid {
    start: Instant,
    interval: Duration,
    /// Whether the start itself is a time.
    from_start: bool,
    /// How many times have been served or left out.
    past: u128,
}

impl<E: IntoBoxedError> LoopingCall<E> {
    /// Will call `call`, which returns nothing, a [`Result`] or a Deferred.
    pub fn new<R>(clock: &Clock, mut call: impl FnMut() -> R + 'static) -> Self
    where
        R: IntoDeferred<Error = E>,
    {
        LoopingCall::with_count(clock, move |_| call())
    }

    /// Will call `call` with the number of times that it stands for: one, and one more for each
    /// that was left out before it.
    #[doc(alias = "withCount")]
    pub fn with_count<R>(clock: &Clock, mut call: impl FnMut(u64) -> R + 'static) -> Self
    where
        R: IntoDeferred<Error = E>,
    {
        LoopingCall {
            inner: Rc::new(Inner {
                clock: clock.clone(),
                call: RefCell::new(Box::new(move |count| call(count).into_deferred().map(drop))),
                run: RefCell::default(),
            }),
        }
    }

    /// Calls now, before this returns, and then each `interval`; with an interval of zero, once in
    /// each turn of the loop.
    ///
    /// The Deferred fires when it has been [stopped](LoopingCall::stop), and fails when a call
    /// fails. Cancelling it stops, and cancels what is waited for.
    pub fn start(&self, interval: Duration) -> Result<Deferred<(), E>, AlreadyLooping> {
        let ended = self.begin(interval, true)?;
        self.inner.tick();
        Ok(ended)
    }

    /// As [`start`](LoopingCall::start), but for the first time an `interval` from now.
    pub fn start_later(&self, interval: Duration) -> Result<Deferred<(), E>, AlreadyLooping> {
        let ended = self.begin(interval, false)?;
        self.inner.schedule();
        Ok(ended)
    }

    fn begin(
        &self,
        interval: Duration,
        from_start: bool,
    ) -> Result<Deferred<(), E>, AlreadyLooping> {
        // Cancelled from within its own call, it has to return from that first.
        if self.is_running() || self.inner.call.try_borrow_mut().is_err() {
            return Err(AlreadyLooping);
        }
        let inner = Rc::downgrade(&self.inner);
        let (promise, ended) = Deferred::with_canceller(move |_| {
            if let Some(inner) = inner.upgrade() {
                inner.cancel();
            }
        });
        *self.inner.run.borrow_mut() = Some(Run {
            promise,
            grid: Grid {
                start: self.inner.clock.now(),
                interval,
                from_start,
                past: 0,
            },
            timer: None,
            waited_for: None,
            stopping: false,
        });
        Ok(ended)
    }

    /// Calls no more. What the last call has returned is still waited for. Nothing if it does not
    /// run.
    pub fn stop(&self) {
        let mut run = self.inner.run.borrow_mut();
        let Some(waiting) = &mut *run else { return };
        waiting.stopping = true;
        if waiting.timer.is_some() {
            drop(run);
            self.inner.end(Ok(()));
        }
    }

    /// The next call is an interval from now, and the grid begins here. Nothing if it does not run.
    pub fn reset(&self) {
        let timer = match &mut *self.inner.run.borrow_mut() {
            Some(run) => {
                run.grid.start = self.inner.clock.now();
                run.grid.from_start = false;
                run.grid.past = 0;
                run.timer.take()
            }
            None => None,
        };
        if let Some(timer) = timer {
            // Waiting for its time, it is there.
            let _ = timer.cancel();
            self.inner.schedule();
        }
    }

    /// Whether it runs: from its start until it has been stopped or has failed.
    #[doc(alias = "running")]
    pub fn is_running(&self) -> bool {
        self.inner.run.borrow().is_some()
    }
}

impl<E: IntoBoxedError> Inner<E> {
    /// It is time.
    fn tick(self: &Rc<Self>) {
        let count = match &mut *self.run.borrow_mut() {
            Some(run) => {
                run.timer = None;
                run.grid.serve(self.clock.now())
            }
            None => return,
        };
        let returned = catch_panic(|| (self.call.borrow_mut())(count))
            .unwrap_or_else(|message| Deferred::from_outcome(Err(Failure::Panicked(message))));
        match &mut *self.run.borrow_mut() {
            Some(run) => run.waited_for = Some(returned.canceller()),
            // Cancelled from within: what it has returned goes with it, and is not the next run's.
            None => return returned.cancel(),
        }
        let me = self.clone();
        returned.done(move |outcome| me.returned(outcome));
    }

    fn returned(self: &Rc<Self>, outcome: Outcome<(), E>) {
        let stopping = self.run.borrow().as_ref().is_none_or(|run| run.stopping);
        match outcome {
            Ok(()) if !stopping => self.schedule(),
            outcome => self.end(outcome),
        }
    }

    fn schedule(self: &Rc<Self>) {
        if let Some(run) = &mut *self.run.borrow_mut() {
            let me = self.clone();
            let delay = run.grid.until_next(self.clock.now());
            run.timer = Some(self.clock.call_later(delay, move || me.tick()));
        }
    }

    fn end(&self, outcome: Outcome<(), E>) {
        let run = self.run.take();
        if let Some(run) = run {
            if let Some(timer) = run.timer {
                // Waiting for its time, it is there.
                let _ = timer.cancel();
            }
            // Cancelled, it has its outcome.
            run.promise.fire(outcome);
        }
    }

    fn cancel(&self) {
        let waited_for = match &mut *self.run.borrow_mut() {
            Some(run) => run.waited_for.take(),
            None => None,
        };
        self.end(Err(Failure::Cancelled));
        if let Some(waited_for) = waited_for {
            waited_for.cancel();
        }
    }
}

impl Grid {
    /// The times up to now are served: how many they are.
    fn serve(&mut self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.start).as_nanos();
        let due = match self.interval.as_nanos() {
            0 => self.past + 1,
            interval => elapsed / interval + u128::from(self.from_start),
        };
        let count = due.saturating_sub(self.past).max(1);
        self.past = due;
        u64::try_from(count).unwrap_or(u64::MAX)
    }

    fn until_next(&self, now: Instant) -> Duration {
        let elapsed = now.saturating_duration_since(self.start).as_nanos();
        match self.interval.as_nanos() {
            0 => Duration::ZERO,
            interval => {
                let into = u64::try_from(elapsed % interval).unwrap_or(u64::MAX);
                self.interval.saturating_sub(Duration::from_nanos(into))
            }
        }
    }
}

impl<E: IntoBoxedError> Clone for LoopingCall<E> {
    fn clone(&self) -> Self {
        LoopingCall {
            inner: self.inner.clone(),
        }
    }
}

impl<E: IntoBoxedError> fmt::Debug for LoopingCall<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopingCall")
            .field("running", &self.is_running())
            .finish_non_exhaustive()
    }
}

/// A [`LoopingCall`] was started that runs already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyLooping;

impl fmt::Display for AlreadyLooping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this call is looping already; stop it first")
    }
}

impl Error for AlreadyLooping {}
