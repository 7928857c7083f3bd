use super::*;

/// The producer: held back, asked for more, and waited for. It is code of the application: each call
/// is made with no borrow held, and a panic costs this connection.
impl<W: Wire> Stream<W> {
    /// Pauses the producer if it has written enough.
    pub(super) fn hold_producer(&self) {
        let waiting = self.waiting();
        let high_water = self.settings().high_water;
        let full = self.cold(|cold| cold.flow.written(waiting, high_water));
        if let Some(producer) = full {
            self.seat.guard(move || producer.pause_producing());
        }
    }

    /// Asks the producer for more if nothing waits. Once a turn: one that writes little must not
    /// hold up the loop.
    pub(super) fn ask_producer(&self) {
        if !self.is(Facts::PRODUCER) || !self.phase.get().takes_output() {
            return;
        }
        let waiting = self.waiting();
        let Some(producer) = self.cold(|cold| cold.flow.next(waiting)) else {
            return;
        };
        self.seat.guard(move || producer.resume_producing());
        self.send();
        self.progress();
        if !self.is(Facts::QUEUED) {
            self.seat.wants_turn();
        }
    }

    /// Whether a close has to wait for the producer. It asks the producer.
    pub(super) fn waits_for_producer(&self) -> bool {
        if !self.is(Facts::PRODUCER) {
            return false;
        }
        let asked = self.cold(|cold| cold.flow.awaited());
        asked.is_some_and(|asked| self.seat.guard(move || asked.holds_close()) == Some(true))
    }
}
