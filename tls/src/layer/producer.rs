use std::rc::Rc;

use retwist_reactor::{Producer, ProducerKind, ProducerRegistered};

use super::TlsTransport;
use super::paced::Paced;
use super::state::{Facts, Phase};

/// A producer and its kind, as the transports hand them on.
pub(super) type Registered = (Rc<dyn Producer>, ProducerKind);

// A producer waits for the handshake here; after it, the transport below has it.
//
// What is evil here: a producer that is registered below may write after a close. So our
// close_notify comes when it has finished, and only then the transport below hears that it has:
// until then that transport keeps its write half open, under its own deadline.

impl TlsTransport {
    /// One that was registered below before TLS came writes through TLS from now on.
    pub(super) fn take_over_producer(&self) {
        let registered = self.seat.with_lower(|lower| lower.unregister_producer());
        if let Some((producer, kind)) = registered.flatten() {
            self.hold_producer(producer, kind);
        }
    }

    fn hold_producer(&self, producer: Rc<dyn Producer>, kind: ProducerKind) {
        *self.held.borrow_mut() = Some(Box::new((producer.clone(), kind)));
        if kind == ProducerKind::Push {
            self.seat.guard(|| producer.pause_producing());
        }
    }

    /// The handshake is over.
    pub(super) fn release_producer(&self) {
        let Some((producer, kind)) = self.held.take().map(|held| *held) else {
            return;
        };
        let registered = self.register_below(producer.clone(), kind);
        self.seat.guard(move || match registered {
            Some(Ok(())) if kind == ProducerKind::Push => producer.resume_producing(),
            Some(Ok(())) => {}
            _ => producer.stop_producing(),
        });
    }

    pub(super) fn register(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Result<(), ProducerRegistered> {
        match self.state.phase() {
            Phase::Over => drop(self.seat.guard(|| producer.stop_producing())),
            Phase::Handshaking(_) if self.has_any_producer() => return Err(ProducerRegistered),
            Phase::Handshaking(_) => self.hold_producer(producer, kind),
            _ => {
                self.unregister_finished();
                return self.register_below(producer, kind).unwrap_or(Ok(()));
            }
        }
        Ok(())
    }

    fn register_below(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Option<Result<(), ProducerRegistered>> {
        let paced = Rc::new(Paced::new(self.me.clone(), producer, kind));
        let registered = self
            .seat
            .with_lower(|lower| lower.register_producer(paced.clone(), kind));
        if let Some(Ok(())) = registered {
            self.paced.replace(Some(paced));
        }
        registered
    }

    pub(super) fn unregister(&self) -> Option<Registered> {
        self.wants_flush();
        let ends = self.state.phase() == Phase::Closing || self.state.is(Facts::HALF_CLOSE);
        if ends && !self.state.is_handshaking() && !self.state.is(Facts::NOTIFIED) {
            // The close below goes on waiting for it until our close_notify is written.
            self.state.set(Facts::PRODUCER_FINISHED);
            return None;
        }
        self.take_producer()
    }

    /// The transport below hears that the producer has finished.
    pub(super) fn unregister_finished(&self) {
        if self.state.is(Facts::PRODUCER_FINISHED) {
            self.state.clear(Facts::PRODUCER_FINISHED);
            self.take_producer();
        }
    }

    fn take_producer(&self) -> Option<Registered> {
        let held = self.held.take();
        held.map(|held| *held).or_else(|| {
            let (producer, kind) = self
                .seat
                .with_lower(|lower| lower.unregister_producer())??;
            // Unless it was there before this layer was.
            let paced = self.paced.take().map(|paced| paced.producer());
            Some((paced.unwrap_or(producer), kind))
        })
    }

    /// Nothing that it writes will be sent.
    pub(super) fn stop_producer(&self) {
        let finished = self.state.is(Facts::PRODUCER_FINISHED);
        if let Some((producer, _)) = self.take_producer()
            && !finished
        {
            self.seat.guard(move || producer.stop_producing());
        }
    }

    pub(super) fn has_any_producer(&self) -> bool {
        self.held.borrow().is_some() || self.has_producer_below()
    }

    fn has_producer_below(&self) -> bool {
        !self.state.is(Facts::PRODUCER_FINISHED)
            && self.seat.with_lower(|lower| lower.has_producer()) == Some(true)
    }

    /// Whether a close that came now would wait for the producer. May run code of the application.
    pub(super) fn would_wait(&self) -> bool {
        if self.state.is_handshaking() {
            return self.held.borrow().is_some();
        }
        let paced = self.paced.borrow().clone();
        paced.is_some_and(|paced| self.close_waits_for(&paced, paced.says()))
    }

    /// Whether our close waits for this producer, which `says` whether it has finished.
    pub(super) fn close_waits_for(&self, paced: &Paced, says: Option<bool>) -> bool {
        !self.state.is(Facts::PRODUCER_FINISHED) && paced.holds_close(says)
    }
}
