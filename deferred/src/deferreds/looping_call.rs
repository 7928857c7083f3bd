use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use retwist_reactor::{Clock, DelayedCall, catch_panic};

use crate::{Canceller, Deferred, Failure, IntoBoxedError, IntoDeferred, Outcome, Promise};

/// Calls a closure at regular times.
///
/// If a call returns a Deferred, the next call waits for it. Times that pass meanwhile are skipped:
/// the next call comes at the next multiple of the interval, however long the last one took. A
/// failure ends the loop.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::LoopingCall;
/// use retwist::testing::ManualClock;
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
/// A cheap handle: clones are the same loop. Dropping all of them does not stop it.
pub struct LoopingCall<E: IntoBoxedError> {
    inner: Rc<Loop<E>>,
}

struct Loop<E: IntoBoxedError> {
    clock: Clock,
    call: RefCell<Call<E>>,
    run: RefCell<Option<Run<E>>>,
}

type Call<E> = Box<dyn FnMut(u64) -> Deferred<(), E>>;

/// One loop, from its start to its end.
struct Run<E: IntoBoxedError> {
    promise: Promise<(), E>,
    grid: Grid,
    /// `None` during a call, until its Deferred has fired.
    timer: Option<DelayedCall>,
    waited_for: Option<Canceller>,
    stopping: bool,
}

/// The times of the calls: multiples of the interval since the start.
struct Grid {
    start: Instant,
    interval: Duration,
    /// The first call is at the start itself.
    from_start: bool,
    /// The number of times that have been served or skipped.
    past: u128,
}

impl<E: IntoBoxedError> LoopingCall<E> {
    /// A loop that will call `call`, which returns nothing, a [`Result`] or a Deferred.
    pub fn new<R>(clock: &Clock, mut call: impl FnMut() -> R + 'static) -> Self
    where
        R: IntoDeferred<Error = E>,
    {
        LoopingCall::with_count(clock, move |_| call())
    }

    /// A loop that will call `call` with the number of times that the call stands for: 1, and 1 more
    /// for each time that was skipped before it.
    #[doc(alias = "withCount")]
    pub fn with_count<R>(clock: &Clock, mut call: impl FnMut(u64) -> R + 'static) -> Self
    where
        R: IntoDeferred<Error = E>,
    {
        LoopingCall {
            inner: Rc::new(Loop {
                clock: clock.clone(),
                call: RefCell::new(Box::new(move |count| call(count).into_deferred().map(drop))),
                run: RefCell::default(),
            }),
        }
    }

    /// Starts: makes the first call before this returns, then one each `interval`. An interval of
    /// zero means one call in each pass of the reactor.
    ///
    /// The Deferred fires when the loop is [stopped](LoopingCall::stop). It fails when a call fails,
    /// and with [`Failure::ReactorEnded`] if the reactor has ended. Cancelling it stops the loop,
    /// and cancels the Deferred of the call under way.
    pub fn start(&self, interval: Duration) -> Result<Deferred<(), E>, AlreadyLooping> {
        let ended = self.begin(interval, true)?;
        self.inner.tick();
        Ok(ended)
    }

    /// As [`start`](LoopingCall::start), but makes the first call an `interval` from now.
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
        // Cancelled by its own call, the loop can start again once that call has returned.
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

    /// Makes no more calls. The loop ends when the Deferred of the call under way has fired. Does
    /// nothing if the loop is not running.
    pub fn stop(&self) {
        let mut run = self.inner.run.borrow_mut();
        let Some(waiting) = &mut *run else { return };
        waiting.stopping = true;
        if waiting.timer.is_some() {
            drop(run);
            self.inner.end(Ok(()));
        }
    }

    /// Moves the next call to an interval from now; the times count from here. Does nothing if the
    /// loop is not running.
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
            timer.cancel();
            self.inner.schedule();
        }
    }

    /// Returns true from the start until the loop has ended.
    #[doc(alias = "running")]
    pub fn is_running(&self) -> bool {
        self.inner.run.borrow().is_some()
    }
}

impl<E: IntoBoxedError> Loop<E> {
    /// One call, at its time.
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
            // The call has cancelled the loop: its Deferred does not belong to the next run.
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

    fn until_next(&self) -> Option<Duration> {
        let run = self.run.borrow();
        Some(run.as_ref()?.grid.until_next(self.clock.now()))
    }

    fn schedule(self: &Rc<Self>) {
        let Some(delay) = self.until_next() else {
            return;
        };
        let next = NextCall(Some(self.clone()));
        let timer = self.clock.call_later(delay, move || next.call());
        let has_ended = !timer.active();
        if let Some(run) = &mut *self.run.borrow_mut() {
            run.timer = Some(timer);
        }
        if has_ended {
            self.end(Err(Failure::ReactorEnded));
        }
    }

    fn end(&self, outcome: Outcome<(), E>) {
        let run = self.run.take();
        if let Some(run) = run {
            if let Some(timer) = run.timer {
                timer.cancel();
            }
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

/// The next call, as the clock keeps it; `None` once it is made.
struct NextCall<E: IntoBoxedError>(Option<Rc<Loop<E>>>);

impl<E: IntoBoxedError> NextCall<E> {
    fn call(mut self) {
        if let Some(looping) = self.0.take() {
            looping.tick();
        }
    }
}

impl<E: IntoBoxedError> Drop for NextCall<E> {
    /// A call that was neither made nor taken back means that the reactor has ended.
    fn drop(&mut self) {
        let Some(looping) = self.0.take() else {
            return;
        };
        let has_timer = |run: &Run<E>| run.timer.is_some();
        let is_pending = looping.run.borrow().as_ref().is_some_and(has_timer);
        if is_pending {
            looping.end(Err(Failure::ReactorEnded));
        }
    }
}

impl Grid {
    /// Serves the times up to now, and returns their number.
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

/// A [`LoopingCall`] was started while it was running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyLooping;

impl fmt::Display for AlreadyLooping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this loop is running already; stop it first")
    }
}

impl Error for AlreadyLooping {}
