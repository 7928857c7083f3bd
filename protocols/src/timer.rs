use std::cell::RefCell;
use std::time::Duration;

use retwist_reactor::{Clock, DelayedCall};

/// At most one delayed call. Dropping it cancels the call, so no timer outlives its layer.
#[derive(Debug, Default)]
pub(crate) struct Timer(RefCell<Option<DelayedCall>>);

impl Timer {
    /// Calls `call` after `delay`, instead of a call that is pending.
    pub(crate) fn start(&self, clock: &Clock, delay: Duration, call: impl FnOnce() + 'static) {
        self.stop();
        self.0.replace(Some(clock.call_later(delay, call)));
    }

    /// Moves a pending call to `delay` from now.
    #[inline]
    pub(crate) fn postpone(&self, delay: Duration) {
        if let Some(call) = &*self.0.borrow() {
            call.reset(delay);
        }
    }

    /// Whether a call is pending.
    pub(crate) fn is_running(&self) -> bool {
        self.0.borrow().as_ref().is_some_and(DelayedCall::active)
    }

    /// Cancels a pending call.
    pub(crate) fn stop(&self) {
        let call = self.0.borrow_mut().take();
        if let Some(call) = call {
            // It may have been made.
            call.cancel();
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.stop();
    }
}
