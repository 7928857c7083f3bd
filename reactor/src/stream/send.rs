use std::io;

use super::*;
use crate::machines::output::LARGE;

impl<W: Wire> Stream<W> {
    /// Takes what is written in the usual turn, which has no close, no loss and no producer; false
    /// if it is not that, or `data` is too much.
    #[inline]
    pub(super) fn append_shared(&self, data: &[u8]) -> bool {
        self.facts.get() == Facts::USUAL && self.context.buffers.append_shared(data)
    }

    /// Takes what is written, to be sent at the end of the turn or at the next flush.
    #[inline(never)]
    pub(super) fn take(&self, data: &[u8]) {
        if self.may_take() {
            self.take_unchecked(data);
        }
    }

    /// Takes several pieces that are one unit.
    pub(super) fn take_all(&self, data: &[&[u8]]) {
        if self.may_take() {
            for piece in data {
                if !self.append_shared(piece) {
                    self.take_unchecked(piece);
                }
            }
        }
    }

    /// Takes a layer's own bytes, which count against no limit.
    #[inline(never)]
    pub(super) fn take_control(&self, data: &[u8]) {
        // Nothing waits before it, and so little counts for nothing.
        if self.append_shared(data) {
            return;
        }
        self.take_unchecked(data);
        if self.is(Facts::QUEUED) {
            self.cold(|cold| cold.output.exempt(data.len()));
        }
    }

    /// Whether the output limit, which is looked at before the first byte of a unit, lets one more
    /// unit pass. If it does not, the connection ends.
    fn may_take(&self) -> bool {
        if !self.is(Facts::QUEUED) {
            // The peer has not been offered what is in the shared buffer.
            return true;
        }
        let limit = self.settings().output_limit;
        let is_within = self.cold(|cold| cold.output.counted()) < limit;
        if !is_within {
            self.finish(Reason::OutputLimit(limit), true);
        }
        is_within
    }

    fn take_unchecked(&self, data: &[u8]) {
        if !self.phase.get().takes_output() {
            return;
        }
        let at_once = self.waiting() == 0 && data.len() >= LARGE && self.is(Facts::WRITABLE);
        let data = if at_once {
            &data[self.send_now(data)..]
        } else {
            data
        };
        if !data.is_empty() {
            self.queue(data);
        }
        if self.is(Facts::PRODUCER) {
            self.hold_producer();
        } else if self.is(Facts::QUEUED) {
            self.press_back_at_once();
        }
        if !self.is(Facts::USES_SHARED_BUFFER) && !self.seat.is_calling() {
            self.seat.wants_flush();
        }
    }

    /// What has to wait, or is too much for the buffer of the turn, is in one of the stream's own.
    pub(super) fn queue(&self, data: &[u8]) {
        let buffers = &self.context.buffers;
        self.cold(|cold| {
            if self.is(Facts::USES_SHARED_BUFFER) && !self.is(Facts::QUEUED) {
                let mut gathered = buffers.shared_output();
                cold.output.push(&gathered, buffers);
                gathered.clear();
            }
            cold.output.push(data, buffers);
        });
        self.set(Facts::QUEUED);
    }

    /// Nothing of what was taken will be sent.
    pub(super) fn drop_output(&self) {
        if self.is(Facts::QUEUED) {
            self.clear(Facts::QUEUED);
            self.cold(|cold| cold.output.clear(&self.context.buffers));
        }
        if self.is(Facts::USES_SHARED_BUFFER) {
            self.context.buffers.shared_output().clear();
        }
    }

    /// How much was taken and not sent.
    pub(super) fn waiting(&self) -> usize {
        if self.is(Facts::QUEUED) {
            self.cold(|cold| cold.output.len())
        } else if self.is(Facts::USES_SHARED_BUFFER) {
            self.context.buffers.shared_output().len()
        } else {
            0
        }
    }

    /// Sends what was taken, as far as the wire takes it.
    pub(super) fn send(&self) {
        if self.is(Facts::USES_SHARED_BUFFER) {
            self.flush_shared();
        }
        if self.is(Facts::QUEUED) {
            if self.is(Facts::WRITABLE) {
                self.send_queued();
            } else {
                // What only waits may have become too much by now.
                self.press_back(self.waiting());
            }
        }
    }

    /// The turn gives its buffer back, and what the wire does not take of it has to wait. True if it
    /// has taken all.
    #[inline(always)]
    pub(super) fn flush_shared(&self) -> bool {
        let facts = self.facts.get() - Facts::USES_SHARED_BUFFER;
        self.facts.set(facts);
        let mut gathered = self.context.buffers.shared_output();
        if gathered.is_empty() {
            return true;
        }
        let all = if facts.contains(Facts::WRITABLE) {
            match self.wire.send(&gathered) {
                Ok(count) if count == gathered.len() => {
                    self.count_sent(count);
                    true
                }
                outcome => self.leave(&gathered, self.sent(outcome, gathered.len())),
            }
        } else {
            self.leave(&gathered, 0)
        };
        gathered.clear();
        all
    }

    #[cold]
    fn leave(&self, gathered: &[u8], sent: usize) -> bool {
        let unsent = &gathered[sent..];
        if !unsent.is_empty() {
            self.queue(unsent);
            self.press_back(unsent.len());
        }
        false
    }

    #[cold]
    fn send_queued(&self) {
        let (outcome, offered) = self.cold(|cold| {
            let front = cold.output.front();
            (self.offer(front), front.len())
        });
        let sent = self.sent(outcome, offered);
        let waiting = self.cold(|cold| {
            // The end of the connection has emptied it.
            let gone = sent.min(cold.output.len());
            cold.output.advance(gone, &self.context.buffers);
            cold.sent.advance(gone);
            cold.output.len()
        });
        if waiting == 0 {
            self.clear(Facts::QUEUED);
        }
        self.press_back(waiting);
    }

    /// How much of `data` the wire has taken; all of it, too, if the connection has just broken.
    fn send_now(&self, data: &[u8]) -> usize {
        match self.offer(data) {
            Ok(count) if count == data.len() => {
                self.count_sent(count);
                count
            }
            outcome => self.sent(outcome, data.len()),
        }
    }

    #[inline(never)]
    fn offer(&self, data: &[u8]) -> io::Result<usize> {
        self.wire.send(data)
    }

    #[cold]
    fn sent(&self, outcome: io::Result<usize>, offered: usize) -> usize {
        let count = match outcome {
            Ok(count) => count,
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => 0,
                // By a signal: nothing was sent, and the next turn tries again.
                io::ErrorKind::Interrupted => {
                    self.seat.wants_turn();
                    return 0;
                }
                _ => {
                    self.break_off(error);
                    return offered;
                }
            },
        };
        self.count_sent(count);
        if count > 0 && self.is(Facts::ENDING) {
            self.note_progress();
        }
        if count < offered {
            self.clear(Facts::WRITABLE);
            if let Err(error) = self.wire.wants_writable() {
                self.break_off(error);
                return offered;
            }
        }
        count
    }

    /// The protocol may be in the middle of a delivery, and go on writing: the peer is offered what waits
    /// now, before it is too much.
    fn press_back_at_once(&self) {
        let waiting = self.waiting();
        if !self.is_too_much(waiting) {
            return;
        }
        if self.is(Facts::WRITABLE) {
            self.send_queued();
        } else {
            self.press_back(waiting);
        }
    }

    /// Whether the peer is not to be read while so much waits for it. A producer is held back in its place.
    fn is_too_much(&self, waiting: usize) -> bool {
        let settings = self.settings();
        waiting > settings.high_water && settings.read_pauses && !self.is(Facts::PRODUCER)
    }

    /// A peer that takes nothing is not read, and what has been read of it waits.
    pub(super) fn press_back(&self, waiting: usize) {
        if waiting == 0 {
            self.relieve();
        } else if self.is_too_much(waiting) {
            self.set(Facts::READ_BACKPRESSURE);
            self.seat.hold();
        }
    }

    /// The peer is read again.
    pub(super) fn relieve(&self) {
        if self.is(Facts::READ_BACKPRESSURE) {
            self.clear(Facts::READ_BACKPRESSURE);
            self.seat.release();
            self.read_if_ready();
        }
    }
}
