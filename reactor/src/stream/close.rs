use std::io;
use std::time::{Duration, Instant};

use super::*;
use crate::panic::log_panic;

/// The wait until the peer has acknowledged all that was sent.
pub(super) struct Acknowledgement {
    /// How many bytes it had not, the last time.
    left: usize,
    /// When that was fewer than before.
    since: Instant,
    /// Until the next look.
    pause: Duration,
}

/// No system tells when a peer has acknowledged, so the stream looks: soon at first, then at a pace
/// that costs nothing.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(250);

impl<W: Wire> Stream<W> {
    /// The wire takes nothing more. What the peer said before that is still read, if it is only for
    /// us to read it.
    pub(super) fn break_off(&self, error: io::Error) {
        self.drop_output();
        self.clear(CLOGGED);
        if self.is(INPUT_ENDED) || !self.wants_input() {
            return self.finish(error.into(), true);
        }
        self.set(BROKEN | OUTPUT_ENDED | READABLE);
        self.rare(|rare| rare.broken = Some(error));
        self.look_again();
    }

    /// Takes the close a step further, if it is time for one.
    pub(super) fn progress(&self) {
        if !self.is(CLOSE | CLOSE_WRITE | INPUT_ENDED | BROKEN) || self.is(DEAD) {
            return;
        }
        if self.is(BROKEN) && !self.is(CLOSE) && self.seat.is_paused() {
            return self.end_if_broken();
        }
        let pending =
            self.is(QUEUED) || self.is(PRODUCER) && self.rare(|rare| rare.flow.is_waited_for());
        if self.is(CLOSE | CLOSE_WRITE) && !self.is(OUTPUT_ENDED) {
            if pending {
                // Half closed, it may take its time, like any connection that is open.
                if self.is(CLOSE) {
                    self.set_deadline(self.settings.close_timeout, Self::close_timed_out);
                }
                return;
            }
            if self.is(BREAK) {
                return self.await_acknowledgement();
            }
            self.set(OUTPUT_ENDED);
            self.forget_deadline();
            // Where the peer has closed too, the close of the wire says it as well.
            if !(self.is(CLOSE) && self.is(INPUT_ENDED))
                && let Err(error) = self.wire.shutdown_write()
                && error.kind() != io::ErrorKind::NotConnected
            {
                return self.finish(error.into(), true);
            }
            if self.is(CLOSE_WRITE) {
                self.seat.write_connection_lost();
            }
        }
        if self.is(OUTPUT_ENDED) {
            if self.is(INPUT_ENDED) || self.is(HASTE) && self.is(CLOSE) {
                self.finish(Reason::Done, false);
            } else if self.is(CLOSE) {
                self.set_deadline(self.settings.linger_timeout, Self::linger_timed_out);
            }
        }
    }

    /// All is handed over, and the peer is to see a broken connection once it has it: a reset makes
    /// the system forget what the peer has not acknowledged.
    fn await_acknowledgement(&self) {
        let now = self.commons.clock.now();
        let left = self.wire.unacknowledged();
        let patience = match left {
            Some(_) => self.settings.close_timeout,
            None => self.settings.linger_timeout,
        };
        let pause = self.rare(|rare| {
            let wait = rare.acknowledgement.get_or_insert(Acknowledgement {
                left: usize::MAX,
                since: now,
                pause: FIRST_LOOK,
            });
            if left.is_some_and(|left| left < wait.left) {
                wait.since = now;
            }
            wait.left = left.unwrap_or(usize::MAX);
            let due = wait.since + patience;
            let pause = wait.pause.min(due.saturating_duration_since(now));
            wait.pause = (wait.pause * 2).min(LAST_LOOK);
            pause
        });
        if left == Some(0) || pause.is_zero() {
            return self.finish(self.seat.close_reason(), true);
        }
        self.forget_deadline();
        self.set_deadline(pause, |stream| {
            stream.rare(|rare| rare.deadline = None);
            stream.await_acknowledgement();
        });
    }

    /// The end, whatever the way: the wire is closed here and nowhere else. The protocol is told by
    /// a turn.
    pub(super) fn finish(&self, reason: Reason, reset: bool) {
        if self.is(DEAD) {
            return;
        }
        self.set(DEAD);
        self.drop_output();
        self.forget_deadline();
        self.wire.close(reset);
        self.seat.fail(reason);
        self.seat.wants_turn();
    }

    /// Tells those who wait for a connection that is dead: the producer here, the protocol when the
    /// seat settles.
    pub(super) fn bury(&self) {
        // First, so that a producer which is registered from here on is told at once.
        self.seat.lost(Reason::Done);
        let producer = match self.is(PRODUCER) {
            true => self.rare(|rare| rare.flow.unregister()),
            false => None,
        };
        self.clear(PRODUCER);
        if let Some((producer, _)) = producer {
            log_panic("stop_producing", || producer.stop_producing());
        }
        self.drop_sent_calls();
    }

    /// Those who watch a connection that has ended.
    pub(super) fn report(&self) {
        self.set(REPORTED);
        let owner = self.owned().and_then(|mut rare| rare.owner.take());
        if let (Some(owner), Some(reason)) = (owner, self.seat.reason()) {
            owner.stream_lost(&reason);
        }
    }

    fn set_deadline(&self, delay: Duration, passed: fn(&Self)) {
        if self.rare(|rare| rare.deadline.is_some()) {
            return;
        }
        let me = self.me.clone();
        let call = self.commons.clock.call_later(delay, move || {
            if let Some(stream) = me.upgrade() {
                passed(&stream);
            }
        });
        self.rare(|rare| rare.deadline = Some(call));
    }

    pub(super) fn move_deadline(&self) {
        let delay = self.settings.close_timeout;
        self.rare(|rare| {
            if let Some(deadline) = &rare.deadline {
                // Gone only if it is being made just now, and then it says the last word.
                let _ = deadline.reset(delay);
            }
        });
    }

    fn forget_deadline(&self) {
        let deadline = self.owned().and_then(|mut rare| rare.deadline.take());
        if let Some(deadline) = deadline {
            let _ = deadline.cancel();
        }
    }

    fn close_timed_out(&self) {
        self.finish(Reason::CloseTimedOut(self.settings.close_timeout), true);
    }

    fn linger_timed_out(&self) {
        self.finish(Reason::Done, false);
    }

    pub(super) fn take_broken(&self) -> Option<io::Error> {
        match self.is(BROKEN) {
            true => self.rare(|rare| rare.broken.take()),
            false => None,
        }
    }
}
