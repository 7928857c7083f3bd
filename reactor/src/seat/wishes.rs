use super::*;

/// What the handle notes, on behalf of whoever sits here.
impl Seat {
    /// Closes as whoever sits at the top of all layers would, so that each of them has its last
    /// word.
    pub(crate) fn close(&self) {
        let is_layer = self
            .protocol()
            .is_some_and(|protocol| protocol.0.close_above());
        if !is_layer
            && !self.is(LOST)
            && self.begin_close()
            && let Some(channel) = self.channel()
        {
            channel.lose_connection(Reason::Done);
        }
    }

    /// Notes the close; false if there was one before.
    pub(crate) fn begin_close(&self) -> bool {
        let first = !self.is(CLOSING);
        self.set(CLOSING);
        self.note_reading();
        self.take_unread();
        first
    }

    /// Notes the close of the write half; false if there was a close before.
    pub(crate) fn begin_close_write(&self) -> bool {
        let first = !self.is(CLOSING | WRITE_CLOSING);
        self.set(WRITE_CLOSING);
        first
    }

    pub(crate) fn set_paused(&self, paused: bool, channel: &dyn Channel) {
        if self.is(PAUSED) == paused || self.is(CLOSING) {
            return;
        }
        if paused {
            self.set(PAUSED);
        } else {
            self.clear(PAUSED);
            self.set(FRESH);
            self.wants_turn();
        }
        self.note_reading();
        channel.reading_changed();
    }

    pub(crate) fn unread(&self, data: &[u8]) {
        if self.is(CLOSING | LOST) {
            return;
        }
        let waiting = self.rare(|rare| {
            rare.unread.splice(..0, data.iter().copied());
            rare.unread.len()
        });
        if waiting > 0 {
            self.set(UNREAD);
        }
    }

    /// The newcomer starts reading, whatever the one before wanted.
    pub(crate) fn switch_protocol(&self, next: ProtocolRef, channel: &dyn Channel) -> ProtocolRef {
        let Some(before) = self.protocol() else {
            return next;
        };
        let next = Occupant::seated(next, self.ask(|occupant| occupant.transport.for_next()));
        if self.is(CALLING) {
            let between = self.rare(|rare| rare.successor.replace(next));
            match between {
                Some(between) => between.transport.revoke(),
                None => self.occupant.borrow().transport.leave(),
            }
            self.set(SUCCEEDED);
        } else {
            self.occupant.replace(next).transport.revoke();
        }
        let paused = self.is(PAUSED);
        self.clear(PAUSED);
        self.note_reading();
        self.set(UNTOLD | FRESH);
        if self.is(INPUT_ENDED) {
            self.set(END_OF_INPUT);
        }
        self.wants_turn();
        if paused && !self.is(CLOSING) {
            channel.reading_changed();
        }
        before
    }
}
