use std::ops::Deref;
use std::time::Duration;

use crate::Clock;

/// A clock that a test moves by hand, and the loop that goes with it.
///
/// It dereferences to the [`Clock`] that it moves. Every deadline is met at its own time: `advance`
/// by ten seconds makes a call ten times that asks for itself again each second, and what one call
/// sets going is done before the next is made.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::testing::ManualClock;
/// use std::cell::RefCell;
/// use std::rc::Rc;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let heard = Rc::new(RefCell::new(Vec::new()));
/// for seconds in [3, 1, 2] {
///     let heard = heard.clone();
///     let delay = Duration::from_secs(seconds);
///     clock.call_later(delay, move || heard.borrow_mut().push(seconds));
/// }
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(*heard.borrow(), [1, 2]);
/// assert_eq!(clock.pending_calls(), 1);
/// ```
#[doc(alias = "Clock")]
#[derive(Debug)]
pub struct ManualClock {
    clock: Clock,
}

/// After this many passes without coming to rest, it is a loop.
const PASSES: usize = 1_000_000;

impl ManualClock {
    /// A clock that stands still.
    #[allow(clippy::new_without_default, reason = "a clock is made on purpose")]
    pub fn new() -> Self {
        ManualClock {
            clock: Clock::new(),
        }
    }

    /// Makes one pass of the loop: the calls that are due, the turns that were asked for, and the
    /// flush of what was written.
    pub fn turn(&self) {
        self.clock.run_due();
        self.clock.run_turns();
    }

    /// Makes passes until nothing is left to do at this time.
    ///
    /// # Panics
    ///
    /// If it never comes to rest: some code asks for itself again and again.
    pub fn run(&self) {
        for _ in 0..PASSES {
            self.turn();
            let due = self
                .clock
                .next_wake()
                .is_some_and(|wake| wake <= self.clock.elapsed());
            if !due && !self.clock.has_turns() {
                return;
            }
        }
        panic!(
            "after {PASSES} turns there is still something to do: some code asks for itself again and again"
        );
    }

    /// Lets this much time pass, one deadline after the other.
    pub fn advance(&self, time: Duration) {
        self.run();
        let end = self.clock.elapsed() + u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 2);
        while let Some(wake) = self.clock.next_wake().filter(|wake| *wake <= end) {
            self.clock.set_elapsed(wake);
            self.run();
        }
        self.clock.set_elapsed(end);
        self.run();
    }
}

impl Deref for ManualClock {
    type Target = Clock;

    fn deref(&self) -> &Clock {
        &self.clock
    }
}

impl Drop for ManualClock {
    fn drop(&mut self) {
        self.clock.end();
    }
}
