use std::time::Duration;

use retwist_reactor::Clock;

use crate::FrameTimedOut;
use crate::timer::Timer;

/// How long a unit may take, and the timer of the one that has begun.
pub(super) struct FrameDeadline {
    limit: Duration,
    timer: Timer,
}

impl FrameDeadline {
    pub(super) fn new(limit: Duration) -> Self {
        FrameDeadline {
            limit,
            timer: Timer::default(),
        }
    }

    /// A unit begins now.
    pub(super) fn start(&self, clock: &Clock, late: impl FnOnce(FrameTimedOut) + 'static) {
        let limit = self.limit;
        self.timer
            .start(clock, limit, move || late(FrameTimedOut(limit)));
    }

    /// No unit has begun.
    pub(super) fn stop(&self) {
        self.timer.stop();
    }
}
