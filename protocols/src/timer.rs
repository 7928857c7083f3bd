use std::cell::RefCell;
use std::time::Duration;

use retwist_reactor::{Clock, DelayedCall};

/// One delayed call at a time, which goes with whoever owns it: no timer outlives its layer.
#[derive(Debug, Default)]
pub(crate) struct Timer(RefCell<Option<DelayedCall>>);

impl Timer {
    /// Calls `call` after `delay`, in place of what was to be called before.
    pub(crate) fn start(&self, clock: &Clock, delay: Duration, call: impl FnOnce() + 'static) {
        self.stop();
        self.0.replace(Some(clock.call_later(delay, call)));
    }

    /// The pending call, if there is one, comes `delay` from now.
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

    /// Nothing is called any more.
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
