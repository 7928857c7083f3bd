use std::io;
use std::rc::Rc;

use super::watch::Watch;
use super::*;
use crate::machines::output::Output;
use crate::machines::producer::Flow;
use crate::machines::sent_calls::SentCalls;

/// What a connection that is idle, or answers at once, does not need. It is out of its place while
/// it is looked at, so what looks must not come back here: it calls neither the seat nor the wire's
/// events.
#[derive(Default)]
pub(super) struct Cold {
    pub(super) output: Output,
    pub(super) flow: Flow,
    pub(super) sent: SentCalls,
    pub(super) watch: Option<Watch>,
    /// Why a send failed, in [`Phase::Broken`].
    pub(super) broken: Option<io::Error>,
    pub(super) owner: Option<Rc<dyn Owner>>,
    /// Settings of this connection alone, once they have been changed.
    pub(super) settings: Option<Rc<StreamSettings>>,
}

impl<W: Wire> Stream<W> {
    /// Looks at what is cold, and makes a place for it if there was none.
    pub(super) fn cold<R>(&self, look: impl FnOnce(&mut Cold) -> R) -> R {
        let mut cold = self.cold.take().unwrap_or_default();
        let result = look(&mut cold);
        self.cold.set(Some(cold));
        result
    }

    /// Looks at what is cold, if there was ever any of it.
    pub(super) fn existing_cold<R>(&self, look: impl FnOnce(&mut Cold) -> R) -> Option<R> {
        let mut cold = self.cold.take()?;
        let result = look(&mut cold);
        self.cold.set(Some(cold));
        Some(result)
    }

    /// The settings that hold for this connection now.
    pub(super) fn settings(&self) -> Rc<StreamSettings> {
        let own = self.existing_cold(|cold| cold.settings.clone()).flatten();
        own.unwrap_or_else(|| self.settings.clone())
    }

    pub(super) fn is(&self, any: Facts) -> bool {
        self.facts.get().intersects(any)
    }

    pub(super) fn set(&self, facts: Facts) {
        self.facts.set(self.facts.get() | facts);
    }

    pub(super) fn clear(&self, facts: Facts) {
        self.facts.set(self.facts.get() - facts);
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.set(phase);
        self.set(Facts::ENDING);
    }
}
