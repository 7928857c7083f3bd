use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use crate::heart::figures::{Figures, count};
use crate::heart::turn::TurnQueue;
use crate::machines::timers::{TimerKey, Timers};
use crate::values::panic::log_panic;

/// The time of one reactor, and the calls that are to be made later.
///
/// A cheap handle: clones are the same clock. Time is monotonic and stands still within a turn of
/// the loop. The driver of the clock moves it on between turns: the reactor, or a test through
/// [`ManualClock`](crate::testing::ManualClock). Code that asks no other clock runs the same under
/// test, without waiting.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::Clock;
/// use retwist::testing::ManualClock;
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use std::time::Duration;
///
/// /// Sets `flag` after a minute.
/// fn later(clock: &Clock, flag: &Rc<Cell<bool>>) {
///     let flag = flag.clone();
///     clock.call_later(Duration::from_secs(60), move || flag.set(true));
/// }
///
/// let clock = ManualClock::new(); // in a program: reactor.clock()
/// let flag = Rc::default();
/// later(&clock, &flag);
/// clock.advance(Duration::from_secs(59));
/// assert!(!flag.get());
/// clock.advance(Duration::from_secs(1));
/// assert!(flag.get());
/// ```
#[doc(alias = "IReactorTime")]
#[derive(Clone)]
pub struct Clock {
    inner: Rc<Inner>,
}

struct Inner {
    start: Instant,
    /// Nanoseconds since `start`.
    elapsed: Cell<u64>,
    mode: Cell<Mode>,
    timers: RefCell<Timers<Box<dyn FnOnce()>>>,
    turns: TurnQueue,
    figures: Figures,
    /// No further call is made.
    ended: Cell<bool>,
}

/// Where the time comes from.
///
/// ```text
/// Standing <--first question-- Unread <--tick-- Flowing
///     |                          |                 ^
///     +----------flow------------+-----------------+
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// In a turn: the time stands still. A clock that a test moves is always in this mode.
    Standing,
    /// A turn has begun, and its time has not been read yet. Most turns never ask, and are spared the
    /// system call.
    Unread,
    /// Outside of a turn: each question reads the system's time, and a delay is counted from then.
    Flowing,
}

impl Clock {
    /// A clock that its driver moves.
    pub(crate) fn new() -> Self {
        Clock {
            inner: Rc::new(Inner {
                start: Instant::now(),
                elapsed: Cell::new(0),
                mode: Cell::new(Mode::Standing),
                timers: RefCell::new(Timers::new()),
                turns: TurnQueue::default(),
                figures: Figures::default(),
                ended: Cell::new(false),
            }),
        }
    }

    /// A clock that shows the time of the system.
    pub(crate) fn flowing() -> Self {
        let clock = Clock::new();
        clock.flow();
        clock
    }

    /// The time of this turn.
    #[doc(alias = "seconds")]
    pub fn now(&self) -> Instant {
        self.inner.start + Duration::from_nanos(self.inner.elapsed())
    }

    /// Calls `call` once, `delay` from now, in a later turn than this one, however short the delay.
    /// Calls with the same deadline come in the order in which they were asked for. A panic in it
    /// is logged, and has no further effect. After the reactor has ended, the call is dropped at once,
    /// and the handle is not [`active`](DelayedCall::active).
    #[doc(alias = "callLater")]
    pub fn call_later(&self, delay: Duration, call: impl FnOnce() + 'static) -> DelayedCall {
        if self.inner.ended.get() {
            return DelayedCall::none();
        }
        let deadline = self.inner.after(delay);
        let mut timers = self.inner.timers.borrow_mut();
        DelayedCall {
            clock: Rc::downgrade(&self.inner),
            key: timers.insert(deadline, Box::new(call)),
        }
    }

    /// Calls `call` at the end of this turn, or in the next one if it is asked for by such a call.
    /// After the reactor has ended, it drops the call.
    pub fn call_soon(&self, call: impl FnOnce() + 'static) {
        if !self.inner.ended.get() {
            self.inner.turns.call_soon(Box::new(call));
        }
    }

    /// What is to be done before this pass of the loop ends.
    #[inline]
    pub(crate) fn turns(&self) -> &TurnQueue {
        &self.inner.turns
    }

    /// Returns how many calls are pending. A test looks at it to see that no timer was leaked.
    #[doc(alias = "getDelayedCalls")]
    pub fn pending_calls(&self) -> usize {
        self.inner.timers.borrow().len()
    }

    /// Returns what is counted on the reactor that this is the clock of.
    #[inline]
    pub fn figures(&self) -> &Figures {
        &self.inner.figures
    }

    // What follows is for the driver of the clock.

    /// A turn begins. Its time is the system's at the first question.
    pub(crate) fn tick(&self) {
        self.inner.mode.set(Mode::Unread);
    }

    /// The turn has ended.
    pub(crate) fn flow(&self) {
        self.inner.mode.set(Mode::Flowing);
    }

    pub(crate) fn elapsed(&self) -> u64 {
        self.inner.elapsed()
    }

    pub(crate) fn set_elapsed(&self, elapsed: u64) {
        self.inner.elapsed.set(self.elapsed().max(elapsed));
    }

    /// Makes the calls that are due, and none of those that they ask for.
    #[inline]
    pub(crate) fn run_due(&self) {
        if self.pending_calls() > 0 {
            self.run_pending();
        }
    }

    #[inline(never)]
    fn run_pending(&self) {
        let now = self.elapsed();
        let figures = &self.inner.figures;
        self.inner.timers.borrow_mut().begin_turn();
        let mut is_first = true;
        loop {
            let due = self.inner.timers.borrow_mut().pop_due(now);
            let Some((deadline, call)) = due else {
                return;
            };
            if is_first {
                // It has waited for the longest.
                figures.lag.borrow_mut().record_nanos(now - deadline);
                is_first = false;
            }
            count(&figures.totals.timers_called);
            log_panic("a delayed call", call);
        }
    }

    /// Gives a turn to each channel that asked for one before this call, makes the calls that were to
    /// be made soon, and flushes what was written.
    #[inline]
    pub(crate) fn run_turns(&self) {
        if self.has_turns() {
            self.inner.turns.run();
        }
    }

    /// Whether a turn or a call is due soon, so that the loop must not sleep.
    pub(crate) fn has_turns(&self) -> bool {
        !self.inner.turns.is_empty()
    }

    /// The time of the next look, in nanoseconds since the start: never later than the first deadline.
    #[inline(never)]
    pub(crate) fn next_wake(&self) -> Option<u64> {
        self.inner.timers.borrow_mut().next_wake()
    }

    /// The time until [`next_wake`](Clock::next_wake).
    #[inline]
    pub(crate) fn until_next_wake(&self) -> Option<Duration> {
        if self.pending_calls() == 0 {
            return None;
        }
        let wake = self.next_wake()?;
        Some(Duration::from_nanos(wake.saturating_sub(self.elapsed())))
    }

    /// Makes no further call, and forgets all that is pending, so that no closure keeps alive what it
    /// captured.
    pub(crate) fn end(&self) {
        self.inner.ended.set(true);
        let calls = self.inner.timers.borrow_mut().drain();
        for call in calls {
            log_panic("the drop of a delayed call", || drop(call));
        }
        self.inner.turns.clear();
    }
}

impl Inner {
    fn elapsed(&self) -> u64 {
        if self.mode.get() != Mode::Standing {
            let elapsed = to_nanos(self.start.elapsed());
            self.elapsed.set(self.elapsed.get().max(elapsed));
            if self.mode.get() == Mode::Unread {
                self.mode.set(Mode::Standing);
            }
        }
        self.elapsed.get()
    }

    fn after(&self, delay: Duration) -> u64 {
        self.elapsed().saturating_add(to_nanos(delay))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock")
            .field("elapsed", &Duration::from_nanos(self.elapsed()))
            .field("pending", &self.pending_calls())
            .finish()
    }
}

fn to_nanos(duration: Duration) -> u64 {
    let whole = duration.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(duration.subsec_nanos().into())
}

/// One call that [`Clock::call_later`] promised. A weak handle: dropping it leaves the call in place.
#[doc(alias = "IDelayedCall")]
#[derive(Clone, Debug)]
pub struct DelayedCall {
    clock: Weak<Inner>,
    key: TimerKey,
}

impl DelayedCall {
    /// A call that will not be made.
    pub(crate) fn none() -> Self {
        DelayedCall {
            clock: Weak::new(),
            key: TimerKey::NONE,
        }
    }

    /// Takes the call back, and drops what it captured. Returns false if it was no longer pending: it
    /// has been made, is being made, was cancelled before, or its reactor has ended.
    pub fn cancel(&self) -> bool {
        let call = self.with_timers(|timers, key, _| timers.cancel(key));
        call.flatten().is_some()
    }

    /// Has the call made `delay` from now, whatever was said before. Moving a call to a later time
    /// costs next to nothing, so that an idle timeout can be moved with each message. Returns false
    /// if the call is no longer pending.
    pub fn reset(&self, delay: Duration) -> bool {
        let Some(clock) = self.clock.upgrade() else {
            return false;
        };
        let deadline = clock.after(delay);
        clock.timers.borrow_mut().reset(self.key, deadline)
    }

    /// Has the call made `extra` later than it would have been. Returns false if it is no longer
    /// pending.
    pub fn delay(&self, extra: Duration) -> bool {
        self.with_timers(|timers, key, _| match timers.deadline(key) {
            Some(deadline) => timers.reset(key, deadline.saturating_add(to_nanos(extra))),
            None => false,
        })
        .unwrap_or(false)
    }

    /// Whether the call is still to be made.
    pub fn active(&self) -> bool {
        self.when().is_some()
    }

    /// When the call will be made, or `None` if it will not.
    #[doc(alias = "getTime")]
    pub fn when(&self) -> Option<Instant> {
        self.with_timers(|timers, key, clock| {
            let deadline = timers.deadline(key)?;
            clock.start.checked_add(Duration::from_nanos(deadline))
        })
        .flatten()
    }

    /// Returns `None`, without a call, if the reactor has gone.
    fn with_timers<R>(
        &self,
        act: impl FnOnce(&mut Timers<Box<dyn FnOnce()>>, TimerKey, &Inner) -> R,
    ) -> Option<R> {
        let clock = self.clock.upgrade()?;
        let mut timers = clock.timers.borrow_mut();
        Some(act(&mut timers, self.key, &clock))
    }
}
