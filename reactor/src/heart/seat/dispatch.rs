use super::callback::{Bytes, Callback, Introduction};
use super::*;
use crate::heart::figures::count;
use crate::heart::occupant::Event;

/// What may be due, in the order in which the occupant hears it.
const ORDER: [Facts; 6] = [
    Facts::ANNOUNCE,
    Facts::HANDSHAKE,
    // Before the bytes, which a protocol may give back again and again.
    Facts::SHUT_DOWN,
    Facts::REDELIVER,
    Facts::END_OF_INPUT,
    Facts::END_OF_OUTPUT,
];

impl Seat {
    /// Why the connection of the protocol at the top has ended or is about to end: what it hears, if it
    /// is known. A layer may have a reason that the transport below has not heard yet.
    pub(crate) fn reason_at_the_top(&self) -> Option<Reason> {
        let occupant = self.present(|place| place.occupant.clone());
        let above = match occupant {
            Some(Occupant::Layer(layer)) => layer.seat().reason_at_the_top(),
            _ => None,
        };
        above.or_else(|| self.reason())
    }

    /// Makes the callbacks that are due, in order, until none is, or until this connection has had
    /// its share of the pass. What a channel's turn is made of; it flushes after it.
    #[inline]
    pub fn settle(&self) {
        if self.state.may_be_due() {
            self.tell_all();
        }
    }

    /// Whether a callback is due that a turn would make.
    #[inline]
    pub fn is_owed(&self) -> bool {
        self.state.may_be_due() && (self.state.phase() == Phase::Lost || !self.due().is_empty())
    }

    #[inline(never)]
    fn tell_all(&self) {
        let Some(channel) = self.channel() else {
            return;
        };
        let clock = channel.clock();
        let (pass, is_bottom) = (clock.turns().pass(), self.with_lower(|_| ()).is_none());
        while !self.is_calling() && self.is_owed() {
            if self.is_busy() || !self.budget.take(pass) {
                return self.wants_turn();
            }
            if is_bottom {
                count(&clock.figures().totals.callbacks);
            }
            self.tell(&*channel);
        }
    }

    /// The facts that can be told now. The others wait, and must not keep the loop awake: a
    /// protocol that is paused is told of no bytes, nor of the end behind them; one that has closed,
    /// of no end.
    fn due(&self) -> Facts {
        let waiting = match self.state.phase() {
            Phase::Unopened | Phase::Withdrawn | Phase::Over => Facts::DUE,
            Phase::Closing => Facts::SHUT_DOWN | Facts::END_OF_INPUT,
            Phase::Lost => Facts::SHUT_DOWN,
            Phase::Open => Facts::empty(),
        };
        self.state.facts() & Facts::DUE & !waiting & !self.held_back()
    }

    /// Makes the one callback that comes first.
    fn tell(&self, channel: &dyn Channel) {
        let due = self.due();
        let Some(first) = ORDER.into_iter().find(|fact| due.contains(*fact)) else {
            return self.tell_lost();
        };
        self.state.clear(first);
        match first {
            Facts::ANNOUNCE => {
                self.dispatch(Introduction);
            }
            Facts::REDELIVER => self.redeliver(channel),
            Facts::HANDSHAKE => self.call(Event::HandshakeCompleted),
            Facts::SHUT_DOWN => self.call(Event::ShuttingDown),
            Facts::END_OF_INPUT => self.call(Event::ReadLost),
            _ => self.call(Event::WriteLost),
        }
    }

    fn redeliver(&self, channel: &dyn Channel) {
        let mut data = self.take_unread();
        if !data.is_empty() {
            self.dispatch(Bytes(&mut data));
            if !self.is_closing() && !self.is_lost() && !self.holds_back_input() {
                channel.reading_changed();
            }
        }
    }

    fn tell_lost(&self) {
        self.state.enter(Phase::Over);
        let unread = self.take_unread();
        if !unread.is_empty() {
            self.log_unread(unread.len());
        }
        if let Some(reason) = self.reason() {
            self.call(Event::Lost(&reason));
        }
        let occupant = self.place.borrow_mut().occupant.take();
        log_panic("dropping a protocol", || drop(occupant));
    }

    /// Bytes that the protocol left for later are lost with the connection: that is not silent.
    #[cold]
    pub(super) fn log_unread(&self, count: usize) {
        let name = self.channel().map(|channel| name_of(&*channel));
        log::info!(
            "{}: {count} bytes were received and never used: the protocol gave them back, or had paused reading, when the input ended",
            name.unwrap_or_default()
        );
    }

    fn call(&self, event: Event<'_>) {
        self.dispatch(event);
    }

    /// Makes the callback for bytes, if nothing is due before them.
    #[inline(always)]
    pub(super) fn dispatch_now(&self, callback: impl Callback) -> Dispatch {
        if self.state.takes_fast_path() {
            self.dispatch(callback)
        } else {
            Dispatch::Deferred
        }
    }

    /// Makes a callback. `Done` if it has changed nothing in this seat.
    #[inline(always)]
    fn dispatch(&self, callback: impl Callback) -> Dispatch {
        let outcome = {
            let place = self.place.borrow();
            let Some(occupant) = &place.occupant else {
                return Dispatch::NeedsAttention(None);
            };
            self.state.set(Facts::CALLING);
            callback.make(occupant, &place.transport)
        };
        if matches!(outcome, Dispatch::Done) && self.state.end_quiet_call() {
            return Dispatch::Done;
        }
        self.called(outcome)
    }

    /// What follows from a callback that was not the quiet kind: a successor sits down, and a panic
    /// has its price.
    #[inline(never)]
    fn called(&self, outcome: Dispatch) -> Dispatch {
        self.state.clear(Facts::CALLING);
        if matches!(outcome, Dispatch::Deferred) {
            return outcome;
        }
        if self.state.is(Facts::SUCCEEDED) {
            self.seat_successor();
        }
        if let Dispatch::NeedsAttention(Some(message)) = outcome {
            self.panicked(&message);
        }
        Dispatch::NeedsAttention(None)
    }

    #[cold]
    fn seat_successor(&self) {
        self.state.clear(Facts::SUCCEEDED);
        let Some(successor) = self.cold(|cold| cold.successor.take()) else {
            return;
        };
        let left = self.place.replace(successor);
        left.transport.of_seat().revoke();
        if let Err(message) = catch_panic(|| drop(left)) {
            self.panicked(&message);
        }
    }

    /// Whether a call from outside is running in the occupant.
    fn is_busy(&self) -> bool {
        let place = self.place.borrow();
        place.occupant.as_ref().is_some_and(Occupant::is_busy)
    }
}
