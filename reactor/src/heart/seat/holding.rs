use super::*;

/// A peer that does not take what it is sent, and goes on asking.
///
/// What is evil here is the amplification: one delivery of 64 KiB can be 20,000 requests, and each can have
/// an answer of any length. A channel that only stopped reading would do so behind all of them. So the
/// occupant is held back in the middle of a delivery: its transport
/// [reads no more](crate::Transport::is_reading), it gives back what it has not used, as in a pause, and
/// gets that again when what waits has gone. The occupant's own pause is another fact, and neither ends the
/// other.
impl Seat {
    /// Holds the occupant back, and those that sit above it, until [`release`](Seat::release): a channel
    /// calls it when much waits to be sent. A layer has the transport below it pause as well, by
    /// [`pass_on_reading`](Seat::pass_on_reading).
    pub fn hold(&self) {
        self.state.set(Facts::HELD);
        self.note_reading();
        self.with_above(Seat::hold);
    }

    /// The occupant gets bytes again, first those that it has given back. The channel hears
    /// [`reading_changed`](Channel::reading_changed).
    pub fn release(&self) {
        if self.state.is(Facts::HELD) {
            self.state.clear(Facts::HELD);
            self.note_reading();
            if self.state.is(Facts::UNREAD) {
                self.state.set(Facts::REDELIVER);
                self.wants_turn();
            }
            if let Some(channel) = self.channel() {
                channel.reading_changed();
            }
        }
        self.with_above(Seat::release);
    }

    /// Whether the facts that the occupant hears with its bytes have to wait.
    pub(super) fn held_back(&self) -> Facts {
        let is_held = self.state.is(Facts::HELD) && self.state.phase() != Phase::Lost;
        // An end of input that has no bytes before it need not wait for the output.
        if self.is_paused() || is_held && self.state.is(Facts::UNREAD) {
            Facts::REDELIVER | Facts::END_OF_INPUT
        } else {
            Facts::empty()
        }
    }

    fn with_above(&self, tell: impl FnOnce(&Seat)) {
        if let Some(Occupant::Layer(layer)) = self.present(|place| place.occupant.clone()) {
            tell(layer.seat());
        }
    }
}
