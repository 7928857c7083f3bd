use std::mem;

use super::*;
use crate::values::panic::log_panic;

/// Calls that wait until what was written before them has been handed to the wire.
impl<W: Wire> Stream<W> {
    pub(super) fn call_when_sent(&self, call: Box<dyn FnOnce()>) {
        if self.is(Facts::USES_SHARED_BUFFER) && !self.is(Facts::QUEUED) && self.waiting() > 0 {
            // From here on, what goes is counted.
            self.queue(&[]);
        }
        let pending = self.waiting();
        self.cold(|cold| cold.sent.push(pending, call));
        self.set(Facts::WHEN_SENT);
        self.seat.wants_turn();
    }

    /// Whether a turn is wanted for a call that waits no longer.
    pub(super) fn is_call_due(&self) -> bool {
        self.is(Facts::WHEN_SENT) && self.cold(|cold| cold.sent.is_due())
    }

    /// Makes the calls that are due. What these ask for in their turn comes in the next pass.
    pub(super) fn make_sent_calls(&self) {
        let phase = self.phase.get();
        if !self.is(Facts::WHEN_SENT) || phase == Phase::Broken || phase.is_dead() {
            return;
        }
        for call in self.cold(|cold| cold.sent.take_due()) {
            if self.phase.get().is_dead() {
                log_panic("the drop of a call of when_sent", || drop(call));
            } else {
                self.seat.guard(call);
            }
        }
        if self.cold(|cold| cold.sent.is_empty()) {
            self.clear(Facts::WHEN_SENT);
        } else if self.is_call_due() {
            self.seat.wants_turn();
        }
    }

    /// The connection has ended before what these calls wait for was sent.
    pub(super) fn drop_sent_calls(&self) {
        if self.is(Facts::WHEN_SENT) {
            self.clear(Facts::WHEN_SENT);
            let calls = self.cold(|cold| mem::take(&mut cold.sent));
            log_panic("the drop of a call of when_sent", || drop(calls));
        }
    }
}
