use std::io;

use super::*;

/// So many bytes at once, and nothing before them: they are sent from where they are, since copying
/// them costs more than a send.
const LARGE: usize = 16 * 1024;

impl<W: Wire> Stream<W> {
    /// Takes what is written, to be sent at the end of the turn or at the next flush.
    #[inline]
    pub(super) fn take(&self, data: &[u8]) {
        if self.is(LENT) && !self.is(DEAD | OUTPUT_ENDED | PRODUCER) {
            let mut lent = self.commons.buffers.turn();
            let waiting = lent.len();
            if waiting + data.len() < LARGE {
                return lent.extend_from_slice(data);
            }
        }
        self.take_more(data);
    }

    #[cold]
    #[inline(never)]
    fn take_more(&self, data: &[u8]) {
        if self.is(DEAD | OUTPUT_ENDED) {
            return;
        }
        let waiting = self.waiting();
        if waiting >= self.settings.output_limit {
            return self.finish(Reason::OutputLimit(self.settings.output_limit), true);
        }
        let data = match waiting == 0 && data.len() >= LARGE && self.is(WRITABLE) {
            true => &data[self.send_now(data)..],
            false => data,
        };
        if self.is(LENT) {
            self.commons.buffers.turn().extend_from_slice(data);
        } else if !data.is_empty() {
            self.queue(data);
        }
        if self.is(PRODUCER) {
            self.hold_producer();
        }
        if !self.is(LENT) && !self.seat.is_calling() {
            self.seat.wants_flush();
        }
    }

    fn queue(&self, data: &[u8]) {
        self.set(QUEUED);
        self.rare(|rare| rare.output.push(data, &self.commons.buffers));
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
            QUEUED => self.rare(|rare| rare.output.len()),
            _ => self.commons.buffers.turn().len(),
        }
    }

    /// Sends what was taken, as far as the wire takes it.
    #[inline]
    pub(super) fn send(&self) {
        if self.is(LENT) {
            self.send_lent();
        } else if self.is(QUEUED) {
            match self.is(WRITABLE) {
                true => self.send_queued(),
                // What only waits may have become too much by now.
                false => self.clog(self.waiting()),
            }
        }
    }

    /// The turn gives its buffer back; what the wire does not take has to wait in one of the
    /// stream's own.
    #[inline(always)]
    pub(super) fn send_lent(&self) {
        self.clear(LENT);
        let mut lent = self.commons.buffers.turn();
        if !lent.is_empty() && !self.is(DEAD) {
            let sent = match self.is(WRITABLE) {
                true => self.send_now(&lent),
                false => 0,
            };
            if sent < lent.len() {
                self.leave(&lent[sent..]);
            }
        }
        self.commons.buffers.give_back(&mut lent);
    }

    #[cold]
    fn leave(&self, unsent: &[u8]) {
        self.queue(unsent);
        self.clog(unsent.len());
    }

    #[cold]
    fn send_queued(&self) {
        let (outcome, offered) = self.rare(|rare| {
            let front = rare.output.front();
            (self.wire.send(front), front.len())
        });
        let sent = self.sent(outcome, offered);
        let waiting = self.rare(|rare| {
            // The end of the connection has emptied it.
            let gone = sent.min(rare.output.len());
            rare.output.advance(gone, &self.commons.buffers);
            rare.output.len()
        });
        if waiting == 0 {
            self.clear(QUEUED);
        }
        self.clog(waiting);
    }

    /// How much of `data` the wire has taken. It is all of it, too, if there is nobody to take it
    /// any more.
    #[inline(always)]
    fn send_now(&self, data: &[u8]) -> usize {
        match self.wire.send(data) {
            Ok(count) if count == data.len() => count,
            outcome => self.sent(outcome, data.len()),
        }
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
            self.wire.wants_writable();
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
        if let Err(message) = caught(|| producer.resume_producing()) {
            self.seat.panicked(&message);
        }
        self.send();
        self.progress();
        if !self.is(QUEUED) {
            self.seat.wants_turn();
        }
    }
}
