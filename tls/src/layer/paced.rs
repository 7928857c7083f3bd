use std::cell::Cell;
use std::rc::{Rc, Weak};

use retwist_reactor::{Channel, Producer, ProducerKind};

use super::TlsTransport;
use super::state::Facts;

/// A producer from above, as the transport below has it: that one paces it, and the layer knows
/// when it has more to write.
///
/// A close waits for its producer twice. The layer waits before it sends close_notify; the
/// transport below must go on waiting until close_notify is written, whatever the producer says.
pub(super) struct Paced {
    tls: Weak<TlsTransport>,
    producer: Rc<dyn Producer>,
    kind: ProducerKind,
    pace: Cell<Pace>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Running,
    Paused,
    /// It has been resumed since the close began, and has not written yet.
    Resumed,
}

impl Paced {
    pub(super) fn new(
        tls: Weak<TlsTransport>,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Self {
        Paced {
            tls,
            producer,
            kind,
            pace: Cell::new(Pace::Running),
        }
    }

    pub(super) fn producer(&self) -> Rc<dyn Producer> {
        self.producer.clone()
    }

    /// The protocol above has written something.
    pub(super) fn written(&self) {
        if self.pace.get() == Pace::Resumed {
            self.pace.set(Pace::Running);
        }
    }

    /// What the producer says about whether it has finished. It is code of the application, so the
    /// caller holds no borrow.
    pub(super) fn says(&self) -> Option<bool> {
        let tls = self.tls.upgrade()?;
        tls.seat()
            .guard(|| self.producer.has_finished())
            .unwrap_or(Some(true))
    }

    /// Whether our close waits for a producer that `says` so.
    pub(super) fn holds_close(&self, says: Option<bool>) -> bool {
        says.map_or(
            self.kind == ProducerKind::Pull || self.pace.get() != Pace::Running,
            |finished| !finished,
        )
    }

    fn close_of_layer(&self) -> Option<Rc<TlsTransport>> {
        self.tls.upgrade().filter(|tls| tls.state.is_closing())
    }
}

impl Producer for Paced {
    fn resume_producing(&self) {
        self.pace.set(match self.close_of_layer() {
            Some(_) => Pace::Resumed,
            None => Pace::Running,
        });
        self.producer.resume_producing();
    }

    fn pause_producing(&self) {
        self.pace.set(Pace::Paused);
        self.producer.pause_producing();
    }

    fn stop_producing(&self) {
        self.producer.stop_producing();
    }

    fn has_finished(&self) -> Option<bool> {
        match self.close_of_layer() {
            Some(tls) => Some(tls.state.is_over() || tls.state.is(Facts::NOTIFIED)),
            None => self.producer.has_finished(),
        }
    }
}
