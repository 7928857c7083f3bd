use std::io;

use super::*;

impl<W: Wire> Stream<W> {
    /// Takes what is written in the usual turn, which has no close, no loss and no producer; false
    /// if it is not that, or `data` is too much.
    #[inline]
    pub(super) fn gather(&self, data: &[u8]) -> bool {
        self.state.get() == WRITABLE | LENT && self.commons.buffers.gather(data)
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
                self.take_unchecked(piece);
            }
        }
    }

    /// Takes a layer's own bytes, which count against no limit.
    pub(super) fn take_control(&self, data: &[u8]) {
        // Nothing waits before it, and so little counts for nothing.
        if self.gather(data) {
            return;
        }
        self.take_unchecked(data);
        if self.is(QUEUED) {
            self.rare(|rare| rare.output.exempt(data.len()));
        }
    }

    /// Whether the output limit, which is looked at before the first byte of a unit, lets one more
    /// unit pass. If it does not, the connection ends.
    fn may_take(&self) -> bool {
        let limit = self.settings.output_limit;
        let counted = match self.is(QUEUED) {
            true => self.rare(|rare| rare.output.counted()),
            false => self.waiting(),
        };
        if counted >= limit {
            self.finish(Reason::OutputLimit(limit), true);
        }
        counted < limit
    }

    fn take_unchecked(&self, data: &[u8]) {
        if self.is(DEAD | OUTPUT_ENDED) {
            return;
        }
        let waiting = self.waiting();
        let data = match waiting == 0 && data.len() >= LARGE && self.is(WRITABLE) {
            true => &data[self.send_now(data)..],
            false => data,
        };
        if !data.is_empty() {
            self.queue(data);
        }
        if self.is(PRODUCER) {
            self.hold_producer();
        }
        if !self.is(LENT) && !self.seat.is_calling() {
            self.seat.wants_flush();
        }
    }

    /// What has to wait, or is too much for the buffer of the turn, is in one of the stream's own.
    pub(super) fn queue(&self, data: &[u8]) {
        let buffers = &self.commons.buffers;
        self.rare(|rare| {
            if self.is(LENT) && !self.is(QUEUED) {
                let mut gathered = buffers.turn();
                rare.output.push(&gathered, buffers);
                gathered.clear();
            }
            rare.output.push(data, buffers);
        });
        self.set(QUEUED);
    }

    /// Nothing of what was taken will be sent.
    pub(super) fn drop_output(&self) {
        if self.is(QUEUED) {
            self.clear(QUEUED);
            self.rare(|rare| rare.output.clear(&self.commons.buffers));
        }
        if self.is(LENT) {
            self.commons.buffers.turn().clear();
        }
    }

    /// How much was taken and not sent.
    pub(super) fn waiting(&self) -> usize {
        match self.state.get() & (LENT | QUEUED) {
            0 => 0,
            LENT => self.commons.buffers.turn().len(),
            _ => self.rare(|rare| rare.output.len()),
        }
    }

    /// Sends what was taken, as far as the wire takes it.
    pub(super) fn send(&self) {
        if self.is(LENT) {
            self.send_lent();
        }
        if self.is(QUEUED) {
            match self.is(WRITABLE) {
                true => self.send_queued(),
                // What only waits may have become too much by now.
                false => self.clog(self.waiting()),
            }
        }
    }

    /// The turn gives its buffer back, and what the wire does not take of it has to wait. True if it
    /// has taken all.
    #[inline(always)]
    pub(super) fn send_lent(&self) -> bool {
        let state = self.state.get() & !LENT;
        self.state.set(state);
        let mut gathered = self.commons.buffers.turn();
        if gathered.is_empty() {
            return true;
        }
        let all = match state & WRITABLE {
            0 => self.leave(&gathered, 0),
            _ => match self.wire.send(&gathered) {
                Ok(count) if count == gathered.len() => true,
                outcome => self.leave(&gathered, self.sent(outcome, gathered.len())),
            },
        };
        gathered.clear();
        all
    }

    #[cold]
    fn leave(&self, gathered: &[u8], sent: usize) -> bool {
        let unsent = &gathered[sent..];
        if !unsent.is_empty() {
            self.queue(unsent);
            self.clog(unsent.len());
        }
        false
    }

    #[cold]
    fn send_queued(&self) {
        let (outcome, offered) = self.rare(|rare| {
            let front = rare.output.front();
            (self.offer(front), front.len())
        });
        let sent = self.sent(outcome, offered);
        let waiting = self.rare(|rare| {
            // The end of the connection has emptied it.
            let gone = sent.min(rare.output.len());
            rare.output.advance(gone, &self.commons.buffers);
            rare.sent.advance(gone);
            rare.output.len()
        });
        if waiting == 0 {
            self.clear(QUEUED);
        }
        self.clog(waiting);
    }

    /// How much of `data` the wire has taken. It is all of it, too, if there is nobody to take it
    /// any more.
    fn send_now(&self, data: &[u8]) -> usize {
        match self.offer(data) {
            Ok(count) if count == data.len() => count,
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
        if self.is(CLOSE | CLOSE_WRITE) && count > 0 {
            self.move_deadline();
        }
        if count < offered {
            self.clear(WRITABLE);
            if let Err(error) = self.wire.wants_writable() {
                self.break_off(error);
                return offered;
            }
        }
        count
    }

    /// A peer that takes nothing is asked for nothing.
    fn clog(&self, waiting: usize) {
        if waiting == 0 {
            if self.is(CLOGGED) {
                self.clear(CLOGGED);
                self.read_if_ready();
            }
        } else if waiting > self.settings.high_water
            && self.settings.read_pauses
            && !self.is(PRODUCER)
        {
            self.set(CLOGGED);
        }
    }

    /// Pauses the producer if it has written enough.
    fn hold_producer(&self) {
        let waiting = self.waiting();
        let high_water = self.settings.high_water;
        let full = self.rare(|rare| rare.flow.written(waiting, high_water));
        if let Some(producer) = full {
            producer.pause_producing();
        }
    }

    /// Asks the producer for more if nothing waits. Once a turn: one that writes little must not
    /// hold up the loop.
    pub(super) fn ask_producer(&self) {
        if !self.is(PRODUCER) {
            return;
        }
        let waiting = self.waiting();
        let Some(producer) = self.rare(|rare| rare.flow.next(waiting)) else {
            return;
        };
        if let Err(message) = catch_panic(|| producer.resume_producing()) {
            self.seat.panicked(&message);
        }
        self.send();
        self.progress();
        if !self.is(QUEUED) {
            self.seat.wants_turn();
        }
    }
}
