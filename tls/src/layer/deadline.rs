use std::cell::Cell;

use retwist_reactor::DelayedCall;

use super::TlsTransport;

/// The one deadline that runs at a time: for the handshake, or for the peer's close_notify. It ends
/// with the layer.
#[derive(Default)]
pub(super) struct Deadline(Cell<Option<DelayedCall>>);

impl Deadline {
    pub(super) fn is_running(&self) -> bool {
        let call = self.0.take();
        let running = call.is_some();
        self.0.set(call);
        running
    }

    pub(super) fn stop(&self) {
        if let Some(call) = self.0.take() {
            // A call that is being made cannot be cancelled, and need not be.
            call.cancel();
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.stop();
    }
}

impl TlsTransport {
    /// Calls `passed` after `limit`, in place of what ran before.
    pub(super) fn start_deadline(&self, limit: std::time::Duration, passed: fn(&Self)) {
        let me = self.me.clone();
        let call = self.seat.with_lower(|lower| {
            lower.clock().call_later(limit, move || {
                if let Some(tls) = me.upgrade() {
                    passed(&tls);
                }
            })
        });
        self.deadline.stop();
        self.deadline.0.set(call);
    }
}
