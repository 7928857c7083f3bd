use super::*;

/// What the handle notes for the occupant.
impl Seat {
    /// Closes as the protocol above all layers would, so that each layer has its last word.
    pub(crate) fn close(&self) {
        if let Some(Occupant::Layer(layer)) = self.present(|place| place.occupant.clone()) {
            return layer.seat().close();
        }
        if !self.is_lost()
            && self.begin_close()
            && let Some(channel) = self.channel()
        {
            channel.lose_connection(Reason::Done);
        }
    }

    /// Notes the close; false if there was one before.
    pub(crate) fn begin_close(&self) -> bool {
        let before = self.state.phase();
        self.state.enter(before.closed());
        self.note_reading();
        let unread = self.take_unread();
        if !unread.is_empty() {
            if self.state.is(Facts::INPUT_ENDED) {
                self.log_unread(unread.len());
            }
            self.discard(&unread);
        }
        self.state.phase() != before
    }

    /// Notes the close of the write half; false if there was a close before.
    pub(crate) fn begin_close_write(&self) -> bool {
        let first = !self.is_closing() && !self.state.is(Facts::WRITE_CLOSING);
        self.state.set(Facts::WRITE_CLOSING);
        first
    }

    pub(crate) fn set_paused(&self, paused: bool, channel: &dyn Channel) {
        if self.is_paused() == paused || self.is_closing() {
            return;
        }
        if paused {
            self.state.set(Facts::PAUSED);
        } else {
            self.state.clear(Facts::PAUSED);
            self.state.set(Facts::REDELIVER);
            self.wants_turn();
        }
        self.note_reading();
        channel.reading_changed();
    }

    /// Takes bytes back, in front of all that waits. Too many end the connection.
    pub(crate) fn unread(&self, data: &[u8], channel: &dyn Channel) {
        if data.is_empty() || self.is_closing() || self.is_lost() {
            return;
        }
        let waiting = self.cold(|cold| {
            cold.unread.splice(..0, data.iter().copied());
            cold.unread.len()
        });
        self.state.set(Facts::UNREAD);
        let limit = channel.unread_limit();
        if waiting > limit {
            self.begin_close();
            channel.abort_connection(Reason::UnreadLimit(limit));
        }
    }

    /// The newcomer starts reading, whatever the one before wanted.
    pub(crate) fn switch_protocol(&self, next: ProtocolRef, channel: &dyn Channel) -> ProtocolRef {
        let Some(before) = self.protocol() else {
            return next;
        };
        let present = self.transport();
        before.0.shared(&present);
        let next = Place::new(next, present.of_seat().for_next());
        if self.is_calling() {
            match self.cold(|cold| cold.successor.replace(next)) {
                Some(between) => between.transport.of_seat().revoke(),
                None => self.place.borrow().transport.of_seat().leave(),
            }
            self.state.set(Facts::SUCCEEDED);
        } else {
            self.place.replace(next).transport.of_seat().revoke();
        }
        let paused = self.is_paused();
        self.state.clear(Facts::PAUSED);
        self.note_reading();
        self.state.set(Facts::ANNOUNCE | Facts::REDELIVER);
        if self.state.is(Facts::INPUT_ENDED) {
            self.state.set(Facts::END_OF_INPUT);
        }
        if self.state.is(Facts::STOPPING) {
            self.state.set(Facts::SHUT_DOWN);
        }
        self.wants_turn();
        if paused && !self.is_closing() {
            channel.reading_changed();
        }
        before
    }
}
