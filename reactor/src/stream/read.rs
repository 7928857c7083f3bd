use std::io;

use super::*;

/// Input: what is read, and when.
impl<W: Wire> Stream<W> {
    /// Whether there may be something to read, and it is wanted.
    pub(super) fn may_read(&self) -> bool {
        self.is(Facts::READABLE) && self.wants_input()
    }

    pub(super) fn wants_input(&self) -> bool {
        match self.phase.get() {
            Phase::Acknowledging | Phase::Dead | Phase::TornDown | Phase::Reported => false,
            _ if self.is(Facts::INPUT_ENDED) => false,
            // It is read to be thrown away.
            Phase::Closing | Phase::Lingering | Phase::Failing => true,
            _ => !self.seat.holds_back_input() && !self.is(Facts::READ_BACKPRESSURE),
        }
    }

    pub(super) fn read_if_ready(&self) {
        if self.may_read() {
            self.look_again();
        }
    }

    pub(super) fn received(&self, received: io::Result<usize>, buffer: &mut ReadBuffer) {
        match received {
            Ok(count) if count > 0 => {
                // The shared output goes with the read buffer.
                self.set(Facts::USES_SHARED_BUFFER);
                let is_last = count < buffer.len()
                    && !self.is(Facts::HUNG_UP)
                    && self.phase.get() != Phase::Broken;
                if is_last {
                    self.clear(Facts::READABLE);
                } else {
                    self.look_again();
                }
                self.count_received(count);
                self.seat.deliver(&mut buffer[..count]);
            }
            Ok(_) => self.input_ended(),
            Err(error) => self.read_failed(error),
        }
    }

    #[cold]
    fn read_failed(&self, error: io::Error) {
        match error.kind() {
            io::ErrorKind::WouldBlock => {
                self.clear(Facts::READABLE);
                self.tell_gone();
                self.end_if_broken();
            }
            io::ErrorKind::Interrupted => self.look_again(),
            _ => {
                let error = self.take_broken().unwrap_or(error);
                let outcome = self.wire.outcome().filter(|outcome| !outcome.is_clean());
                self.finish(outcome.unwrap_or_else(|| error.into()), true);
            }
        }
    }

    #[cold]
    fn input_ended(&self) {
        self.set(Facts::INPUT_ENDED);
        self.clear(Facts::READABLE);
        match self.take_broken() {
            // The system tells of a reset once, and of an end of input after it, but the peer has
            // not said that this was all.
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.finish(error.into(), true);
            }
            broken => {
                self.seat.read_connection_lost();
                if let Some(error) = broken {
                    self.finish(error.into(), true);
                }
            }
        }
    }
}
