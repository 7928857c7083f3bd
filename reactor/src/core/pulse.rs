use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{ConnectionId, Work};

/// What the loop of a reactor is at just now, for another thread that watches whether it still turns:
/// what [`ReactorHandle::pulse`](crate::ReactorHandle::pulse) returns. A clone is the same.
///
/// The loop notes it in memory, so that a loop that sleeps costs no more for being watched.
#[derive(Clone, Default)]
pub struct Pulse(Arc<Notes>);

/// What the loop writes and others read.
///
/// What is evil here is the reader, which may come at any time: between two stores, or in the middle of
/// a day of sleep. So each note means something by itself. `steps` tells sleep from work, and one pass
/// from the next. `work` may be of the pass before, for a moment.
#[derive(Default)]
struct Notes {
    /// How often the loop has woken up or lain down: it is odd as long as it works.
    steps: AtomicU64,
    /// The work that began last, in one word: see [`encode`].
    work: AtomicU64,
}

/// A loop that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Beat {
    /// Which pass of the loop it is. The number grows. If it is the same as a while ago, the loop has not
    /// turned since.
    pub pass: u64,
    /// What began last in this pass.
    pub work: Work,
}

impl Pulse {
    /// What the loop does now. `None`: it sleeps until something happens, or it does not run.
    pub fn beat(&self) -> Option<Beat> {
        let steps = self.0.steps.load(Ordering::Acquire);
        let work = decode(self.0.work.load(Ordering::Relaxed));
        (steps % 2 == 1).then_some(Beat {
            pass: steps / 2,
            work,
        })
    }

    /// The loop begins to work, if it has not done so.
    pub(super) fn wakes(&self) {
        self.step_to(1);
    }

    /// The loop sleeps, or does not run.
    pub(super) fn rests(&self) {
        self.step_to(0);
    }

    fn step_to(&self, parity: u64) {
        // No other thread writes.
        let steps = self.0.steps.load(Ordering::Relaxed);
        if steps % 2 != parity {
            self.0.steps.store(steps + 1, Ordering::Release);
        }
    }

    pub(super) fn begins(&self, work: Work) {
        self.0.work.store(encode(work), Ordering::Relaxed);
    }
}

/// The numbers below this are the kinds of work that are for no connection.
const KINDS: [Work; 4] = [Work::Event, Work::Timers, Work::Turns, Work::Lifecycle];

fn encode(work: Work) -> u64 {
    match work {
        Work::Connection(id) => id.number().saturating_add(KINDS.len() as u64),
        Work::Event => 0,
        Work::Timers => 1,
        Work::Turns => 2,
        Work::Lifecycle => 3,
    }
}

fn decode(word: u64) -> Work {
    match KINDS.iter().zip(0..).find(|(_, kind)| *kind == word) {
        Some((work, _)) => *work,
        None => Work::Connection(ConnectionId::from(word - KINDS.len() as u64)),
    }
}

impl fmt::Debug for Pulse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pulse").field(&self.beat()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_work_is_read_as_it_was_written() {
        let pulse = Pulse::default();
        pulse.wakes();
        let connection = Work::Connection(ConnectionId::from(1));
        for work in KINDS.into_iter().chain([connection]) {
            pulse.begins(work);
            assert_eq!(pulse.beat().unwrap().work, work);
        }
    }

    #[test]
    fn a_pass_has_one_number_and_a_sleep_has_none() {
        let pulse = Pulse::default();
        assert_eq!(pulse.beat(), None);
        pulse.wakes();
        let first = pulse.beat().unwrap();
        pulse.wakes();
        assert_eq!(pulse.beat(), Some(first));
        pulse.rests();
        pulse.rests();
        assert_eq!(pulse.beat(), None);
        pulse.wakes();
        assert!(pulse.beat().unwrap().pass > first.pass);
    }
}
