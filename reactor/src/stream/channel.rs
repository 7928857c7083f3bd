use std::any::{Any, TypeId};
use std::rc::Rc;

use super::*;
use crate::heart::channel::Channel;
#[cfg(unix)]
use crate::heart::duplicate::Duplicate;
use crate::{Address, Clock, ConnectionId, Producer, ProducerKind, ProducerRegistered};

impl<W: Wire> Channel for Stream<W> {
    /// It calls no code of an application.
    fn may_panic() -> bool {
        false
    }

    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn turn(&self) {
        self.seat.settle();
        self.advance();
    }

    fn flush(&self) {
        self.send();
        // What follows may be a callback.
        let has_news = !self.is(Facts::QUEUED) && self.is(Facts::PRODUCER | Facts::ENDING);
        if has_news || self.is_call_due() {
            self.seat.wants_turn();
        }
    }

    fn write(&self, data: &[u8]) {
        self.take(data);
    }

    #[inline]
    fn write_if_open(&self, data: &[u8]) {
        let has_producer = || self.is(Facts::PRODUCER);
        if !self.append_shared(data) && !data.is_empty() && self.seat.takes_writes(has_producer) {
            self.take(data);
        }
    }

    fn write_sequence(&self, data: &[&[u8]]) {
        self.take_all(data);
    }

    fn write_control(&self, data: &[u8]) {
        self.take_control(data);
    }

    fn lose_connection(&self, reason: Reason) {
        self.seat.note_close(reason);
        self.begin_close();
    }

    fn fail_connection(&self, reason: Reason) {
        self.seat.fail(reason);
        self.begin_failing();
    }

    fn when_sent(&self, call: Box<dyn FnOnce()>) {
        self.call_when_sent(call);
    }

    fn lose_write_connection(&self) {
        self.begin_close_write();
    }

    fn abort_connection(&self, reason: Reason) {
        self.finish(reason, true);
    }

    fn reading_changed(&self) {
        self.read_if_ready();
    }

    fn register_producer(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Result<(), ProducerRegistered> {
        self.cold(|cold| cold.flow.register(producer, kind))?;
        self.set(Facts::PRODUCER);
        self.seat.wants_turn();
        Ok(())
    }

    fn unregister_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        let producer = self.cold(|cold| cold.flow.unregister());
        self.clear(Facts::PRODUCER);
        // The peer was the producer's to hold back.
        self.press_back(self.waiting());
        self.seat.wants_turn();
        producer
    }

    fn has_producer(&self) -> bool {
        self.is(Facts::PRODUCER)
    }

    fn waits_for_producer(&self) -> bool {
        Stream::waits_for_producer(self)
    }

    fn connection_id(&self) -> Option<ConnectionId> {
        Some(self.id)
    }

    fn peer(&self) -> Address {
        self.wire.peer()
    }

    fn host(&self) -> Address {
        self.wire.host()
    }

    fn clock(&self) -> Clock {
        self.context.clock.clone()
    }

    fn is_draining(&self) -> bool {
        self.context.draining.is_on()
    }

    fn buffered(&self) -> usize {
        self.waiting()
    }

    fn unread_limit(&self) -> usize {
        self.settings().unread_limit
    }

    fn unacknowledged(&self) -> usize {
        self.waiting() + self.wire.unacknowledged().unwrap_or(0)
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        if wanted == TypeId::of::<StreamOptions>() {
            return Some(Rc::new(self.options()));
        }
        #[cfg(unix)]
        if wanted == TypeId::of::<Duplicate>() {
            return Some(Rc::new(Duplicate::new(self.wire.duplicate()?)));
        }
        #[cfg(unix)]
        if wanted == TypeId::of::<Leaving>() {
            return Some(Rc::new(Leaving(self.me())));
        }
        self.wire.extension(self.me(), wanted)
    }
}
