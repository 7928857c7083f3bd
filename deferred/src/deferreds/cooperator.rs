use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use retwist_reactor::{Clock, catch_panic};

use crate::{Deferred, Failure, IntoBoxedError, IntoDeferred, Outcome, Promise};

/// Does long work in small steps, between which the reactor serves its connections.
///
/// The work is an iterator: asking it for the next item is one step. All iterators of a cooperator
/// take their steps in turn, for at most 10 ms in each pass of the reactor. If an item is a
/// Deferred, the next step waits for it.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::Cooperator;
/// use retwist::testing::ManualClock;
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// let clock = ManualClock::new();
/// let cooperator = Cooperator::new(&clock);
/// let sum = Rc::new(Cell::new(0));
/// let total = sum.clone();
/// let steps = (1..=100).map(move |number| total.set(total.get() + number));
/// let (_task, mut done) = cooperator.cooperate(steps);
/// clock.run();
/// assert_eq!(done.take(), Some(Ok(())));
/// assert_eq!(sum.get(), 5050);
/// ```
///
/// A cheap handle: clones are the same cooperator.
#[derive(Clone)]
pub struct Cooperator {
    inner: Rc<Schedule>,
}

struct Schedule {
    clock: Clock,
    slice: Slice,
    ready: RefCell<VecDeque<Rc<dyn Work>>>,
    /// `run_slice` is due at the end of this pass.
    scheduled: Cell<bool>,
}

/// The limit of one slice.
#[derive(Clone, Copy)]
enum Slice {
    Time(Duration),
    Steps(usize),
}

/// Measured on the system's clock, because the reactor's clock stands still during a pass.
const SLICE: Duration = Duration::from_millis(10);

impl Cooperator {
    /// A cooperator that takes steps for at most 10 ms in each pass of the reactor, at least one.
    pub fn new(clock: &Clock) -> Self {
        Cooperator::with_slice(clock, Slice::Time(SLICE))
    }

    /// A cooperator that takes at most `steps` steps in each pass, over all its work: for tests.
    pub fn max_steps_per_turn(clock: &Clock, steps: usize) -> Self {
        Cooperator::with_slice(clock, Slice::Steps(steps.max(1)))
    }

    fn with_slice(clock: &Clock, slice: Slice) -> Self {
        Cooperator {
            inner: Rc::new(Schedule {
                clock: clock.clone(),
                slice,
                ready: RefCell::default(),
                scheduled: Cell::new(false),
            }),
        }
    }

    /// Does `work`, beginning at the end of this pass. The Deferred fires when the iterator ends, and
    /// fails when a step fails, or with [`Failure::ReactorEnded`]. Cancelling it stops the work.
    #[doc(alias = "coiterate")]
    #[doc(alias = "whenDone")]
    pub fn cooperate<I, E>(&self, work: I) -> (CooperativeTask, Deferred<(), E>)
    where
        I: Iterator<Item: IntoDeferred<Error = E>> + 'static,
        E: IntoBoxedError,
    {
        let place: Rc<OnceCell<Weak<dyn Work>>> = Rc::default();
        let (promise, done) = Deferred::with_canceller({
            let place = place.clone();
            move |_| {
                if let Some(work) = place.get().and_then(Weak::upgrade) {
                    work.stop();
                }
            }
        });
        let work: Rc<dyn Work> = Rc::new_cyclic(|me| Task {
            me: me.clone(),
            work: Cell::new(Some(work)),
            promise,
            pauses: Cell::new(0),
            waiting: Cell::new(false),
            queued: Cell::new(false),
            cooperator: Rc::downgrade(&self.inner),
        });
        // The place is empty: only this sets it.
        let _ = place.set(Rc::downgrade(&work));
        work.wants_turn();
        let task = CooperativeTask {
            work,
            _cooperator: self.clone(),
        };
        (task, done)
    }
}

impl Schedule {
    fn schedule(self: &Rc<Self>) {
        if !self.scheduled.replace(true) {
            let next = NextSlice(Some(self.clone()));
            self.clock.call_soon(move || next.run());
        }
    }

    /// One slice: a step of each piece of work, round and round.
    fn run_slice(self: &Rc<Self>) {
        self.scheduled.set(false);
        let begun = Instant::now();
        let mut steps = 0;
        loop {
            let first = self.ready.borrow_mut().pop_front();
            let Some(work) = first else { return };
            work.step();
            steps += 1;
            let over = match self.slice {
                Slice::Time(time) => begun.elapsed() >= time,
                Slice::Steps(limit) => steps >= limit,
            };
            if over {
                break;
            }
        }
        if !self.ready.borrow().is_empty() {
            self.schedule();
        }
    }
}

/// The next slice, as the clock keeps it; `None` once it runs. If the clock drops it before that,
/// the reactor has ended, and the work fails.
struct NextSlice(Option<Rc<Schedule>>);

impl NextSlice {
    fn run(mut self) {
        if let Some(schedule) = self.0.take() {
            schedule.run_slice();
        }
    }
}

impl Drop for NextSlice {
    fn drop(&mut self) {
        let Some(schedule) = self.0.take() else {
            return;
        };
        schedule.scheduled.set(false);
        let ready = schedule.ready.take();
        for work in ready {
            work.fail_with_reactor();
        }
    }
}

/// Work that was given to a [`Cooperator`]. Dropping the handle lets the work go on, unless it is
/// paused: then the work is dropped, because it can no longer be resumed.
#[derive(Clone)]
pub struct CooperativeTask {
    work: Rc<dyn Work>,
    /// While the work is paused, this may be the only owner.
    _cooperator: Cooperator,
}

impl CooperativeTask {
    /// Takes no more steps until [`resume`](CooperativeTask::resume) has been called as often as
    /// this.
    pub fn pause(&self) {
        self.work.pause();
    }

    /// Takes one `pause` back. Returns false if there is none.
    pub fn resume(&self) -> bool {
        self.work.resume()
    }

    /// Stops: the Deferred fails with [`Failure::Cancelled`]. Does nothing if the work has ended.
    pub fn stop(&self) {
        self.work.stop();
    }
}

/// A piece of work, whatever its type.
trait Work {
    fn wants_turn(&self);
    fn step(&self);
    fn pause(&self);
    fn resume(&self) -> bool;
    fn stop(&self);
    fn fail_with_reactor(&self);
}

struct Task<I, E: IntoBoxedError> {
    me: Weak<Self>,
    /// `None` during a step, and after the end.
    work: Cell<Option<I>>,
    promise: Promise<(), E>,
    pauses: Cell<usize>,
    /// The next step waits for a Deferred.
    waiting: Cell<bool>,
    queued: Cell<bool>,
    cooperator: Weak<Schedule>,
}

impl<I, E> Task<I, E>
where
    I: Iterator<Item: IntoDeferred<Error = E>> + 'static,
    E: IntoBoxedError,
{
    fn end(&self, outcome: Outcome<(), E>) {
        let work = self.work.take();
        self.promise.fire(outcome);
        // Last, because it may hold the promise that the next step waits for.
        drop(work);
    }

    fn stepped(&self, outcome: Outcome<<I::Item as IntoDeferred>::Value, E>) {
        match outcome {
            Ok(_) => self.wants_turn(),
            Err(failure) => self.end(Err(failure)),
        }
    }
}

impl<I, E> Work for Task<I, E>
where
    I: Iterator<Item: IntoDeferred<Error = E>> + 'static,
    E: IntoBoxedError,
{
    fn wants_turn(&self) {
        if self.pauses.get() == 0
            && !self.waiting.get()
            && !self.promise.is_called()
            && let Some(me) = self.me.upgrade()
            && let Some(cooperator) = self.cooperator.upgrade()
            && !self.queued.replace(true)
        {
            cooperator.ready.borrow_mut().push_back(me);
            cooperator.schedule();
        }
    }

    fn step(&self) {
        self.queued.set(false);
        if self.pauses.get() > 0 {
            return;
        }
        let Some(mut work) = self.work.take() else {
            return;
        };
        let step = catch_panic(|| work.next().map(IntoDeferred::into_deferred));
        if !self.promise.is_called() {
            self.work.set(Some(work));
        }
        match step {
            Ok(None) => self.end(Ok(())),
            Err(message) => self.end(Err(Failure::Panicked(message))),
            Ok(Some(mut step)) => match step.take() {
                Some(outcome) => self.stepped(outcome),
                None => {
                    self.waiting.set(true);
                    // The Deferred keeps both alive.
                    let kept = (self.me.upgrade(), self.cooperator.upgrade());
                    step.done(move |outcome| {
                        if let (Some(me), _cooperator) = kept {
                            me.waiting.set(false);
                            me.stepped(outcome);
                        }
                    });
                }
            },
        }
    }

    fn pause(&self) {
        self.pauses.set(self.pauses.get() + 1);
    }

    fn resume(&self) -> bool {
        match self.pauses.get().checked_sub(1) {
            Some(left) => {
                self.pauses.set(left);
                self.wants_turn();
                true
            }
            None => false,
        }
    }

    fn stop(&self) {
        self.end(Err(Failure::Cancelled));
    }

    fn fail_with_reactor(&self) {
        self.end(Err(Failure::ReactorEnded));
    }
}

impl fmt::Debug for Cooperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cooperator")
            .field("ready", &self.inner.ready.borrow().len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CooperativeTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CooperativeTask")
    }
}
