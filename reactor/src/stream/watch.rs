use std::time::{Duration, Instant};

use super::*;
use crate::DelayedCall;

/// The watch over a connection that waits for its peer at its end.
///
/// A peer that takes bytes, however slowly, is served; one that takes none for
/// [`close_timeout`](StreamSettings::close_timeout) is aborted. What is evil here: the system tells
/// of room only when a good part of its send buffer is free, which a slow peer may not manage within
/// the timeout, and never tells what the peer has acknowledged. So the watch looks, several times
/// within the timeout: it tries to send, though no event has told of room, and it asks the system
/// what the peer has not acknowledged. Either may show progress.
pub(super) struct Watch {
    timer: Option<DelayedCall>,
    /// When the peer last took something, or the watch began.
    since: Instant,
    /// What it had not acknowledged at the last look.
    left: Option<usize>,
    pause: Duration,
}

/// How often a watch looks within its timeout.
const LOOKS: u32 = 4;
/// A reset waits for the last acknowledgement, of which no system tells: the watch looks soon at
/// first, then at a pace that costs nothing.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(250);

impl<W: Wire> Stream<W> {
    /// Sets a watch, unless there is one.
    pub(super) fn watch(&self) {
        if self.cold(|cold| cold.watch.is_some()) {
            return;
        }
        let settings = self.settings();
        let pause = match self.phase.get() {
            Phase::Lingering if settings.linger_timeout.is_zero() => {
                return self.finish(Reason::Done, false);
            }
            Phase::Lingering => settings.linger_timeout,
            Phase::Acknowledging => FIRST_LOOK,
            _ => settings.close_timeout / LOOKS,
        };
        let watch = Watch {
            timer: None,
            since: self.context.clock.now(),
            left: None,
            pause,
        };
        self.cold(|cold| cold.watch = Some(watch));
        if self.phase.get() == Phase::Acknowledging {
            self.look();
        } else {
            self.look_in(pause);
        }
    }

    pub(super) fn stop_watch(&self) {
        let watch = self.existing_cold(|cold| cold.watch.take()).flatten();
        if let Some(timer) = watch.and_then(|watch| watch.timer) {
            // Not pending if it is just being called.
            timer.cancel();
        }
    }

    /// The peer has taken something.
    pub(super) fn note_progress(&self) {
        let now = self.context.clock.now();
        self.existing_cold(|cold| {
            if let Some(watch) = cold.watch.as_mut() {
                watch.since = now;
            }
        });
    }

    fn look_in(&self, pause: Duration) {
        let me = self.me();
        let timer = self.context.clock.call_later(pause, move || {
            if let Some(stream) = me.upgrade() {
                stream.look();
            }
        });
        let before = self.cold(|cold| {
            let watch = cold.watch.as_mut()?;
            watch.timer.replace(timer)
        });
        if let Some(before) = before {
            before.cancel();
        }
    }

    /// Looks whether the peer has taken anything, and ends the connection if it has not for too
    /// long, or has taken all.
    pub(super) fn look(&self) {
        if self.is(Facts::QUEUED) {
            self.set(Facts::WRITABLE);
            self.send();
            if !self.is(Facts::QUEUED) {
                self.seat.wants_turn();
            }
        }
        if self.phase.get().is_dead() {
            return;
        }
        let left = self.wire.unacknowledged();
        let now = self.context.clock.now();
        let looked = self.cold(|cold| {
            let watch = cold.watch.as_mut()?;
            if left
                .zip(watch.left)
                .is_some_and(|(left, before)| left < before)
            {
                watch.since = now;
            }
            watch.left = left;
            let pause = watch.pause;
            watch.pause = (pause * 2).min(LAST_LOOK);
            Some((now.saturating_duration_since(watch.since), pause))
        });
        if let Some((idle, pause)) = looked {
            self.judge(left, idle, pause);
        }
    }

    /// `left` bytes are not acknowledged, and the peer has taken nothing for `idle`.
    fn judge(&self, left: Option<usize>, idle: Duration, pause: Duration) {
        let settings = self.settings();
        let (linger, patience) = (settings.linger_timeout, settings.close_timeout);
        let phase = self.phase.get();
        // Where the system cannot tell, the linger has to do.
        let is_acknowledged = left.map_or(idle >= linger, |left| left == 0);
        match phase {
            Phase::Lingering if is_acknowledged && idle >= linger => {
                return self.finish(Reason::Done, false);
            }
            Phase::Acknowledging if is_acknowledged => {
                return self.finish(self.seat.close_reason(), true);
            }
            _ => {}
        }
        let due = match (phase, left) {
            (Phase::Acknowledging | Phase::Lingering, None | Some(0)) => linger,
            (Phase::Lingering, _) => patience.max(linger),
            _ => patience,
        };
        let Some(rest) = due.checked_sub(idle).filter(|rest| !rest.is_zero()) else {
            return self.give_up(patience);
        };
        let pause = match phase {
            Phase::Acknowledging => pause,
            Phase::Lingering => linger.min(patience) / LOOKS,
            _ => patience / LOOKS,
        };
        self.look_in(pause.max(FIRST_LOOK).min(rest));
    }

    /// The peer made no progress within the time.
    fn give_up(&self, waited: Duration) {
        let is_for_producer = self.phase.get() == Phase::Closing && !self.is(Facts::QUEUED);
        if !is_for_producer {
            return self.finish(Reason::CloseTimedOut(waited), true);
        }
        log::warn!(
            "the close of connection {} with {} has waited {} s for its producer, which has neither written nor \
             finished: call unregister_producer, or say so with has_finished",
            self.id,
            self.wire.peer(),
            waited.as_secs_f64()
        );
        self.finish(Reason::ProducerTimedOut(waited), true);
    }
}
