use std::mem;

use super::*;
use crate::panic::log_panic;

/// Calls that wait until what was written before them has been handed to the wire.
impl<W: Wire> Stream<W> {
    pub(super) fn call_when_sent(&self, call: Box<dyn FnOnce()>) {
        if self.is(LENT) && !self.is(QUEUED) && self.waiting() > 0 {
            // From here on, what goes is counted.
            self.queue(&[]);
        }
        let pending = self.waiting();
        self.rare(|rare| rare.sent.push(pending, call));
        self.set(WHEN_SENT);
        self.seat.wants_turn();
    }

    /// Whether a turn is wanted for a call that waits no longer.
    pub(super) fn is_call_due(&self) -> bool {
        self.is(WHEN_SENT) && self.rare(|rare| rare.sent.is_due())
    }

    /// Makes the calls that are due. What these ask for in their turn comes in the next pass.
    pub(super) fn make_sent_calls(&self) {
        if !self.is(WHEN_SENT) || self.is(BROKEN | DEAD) {
            return;
        }
        for call in self.rare(|rare| rare.sent.take_due()) {
            if self.is(DEAD) {
                log_panic("the drop of a call of when_sent", || drop(call));
            } else if let Err(message) = catch_panic(call) {
                self.seat.panicked(&message);
            }
        }
        if self.rare(|rare| rare.sent.is_empty()) {
            self.clear(WHEN_SENT);
        } else if self.is_call_due() {
            self.seat.wants_turn();
        }
    }

    /// The connection has ended before what these calls wait for was sent.
    pub(super) fn drop_sent_calls(&self) {
        if self.is(WHEN_SENT) {
            self.clear(WHEN_SENT);
            let calls = self.rare(|rare| mem::take(&mut rare.sent));
            log_panic("the drop of a call of when_sent", || drop(calls));
        }
    }
}
