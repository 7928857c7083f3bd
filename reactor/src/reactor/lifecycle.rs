use super::{Reactor, ReactorHandle};
use std::time::Duration;

use crate::{Hold, Phase, ReactorState, SystemEvent, TriggerId};

/// The part of a reactor for code that takes part in its beginning and its end, or ends it: a
/// [`Reactor`], or a [`MemoryReactor`](crate::testing::MemoryReactor) whose test begins and ends it.
///
/// A reactor of your own has [`testing::Triggers`](crate::testing::Triggers) to implement it with.
#[doc(alias = "IReactorCore")]
pub trait ReactorLifecycle {
    /// See [`ReactorHandle::add_system_event_trigger`].
    fn add_trigger(
        &self,
        phase: Phase,
        event: SystemEvent,
        call: Box<dyn FnOnce(Hold)>,
    ) -> Option<TriggerId>;

    /// See [`ReactorHandle::remove_system_event_trigger`].
    fn remove_trigger(&self, id: TriggerId) -> bool;

    /// See [`ReactorHandle::fire_system_event`].
    fn fire_event(&self, event: SystemEvent);

    /// See [`ReactorHandle::drain`]. A reactor that cannot drain stops.
    fn begin_drain(&self, longest: Duration) {
        let _ = longest;
        self.fire_event(SystemEvent::Shutdown);
    }

    /// How far it has come.
    fn progress(&self) -> ReactorState;
}

impl ReactorLifecycle for ReactorHandle {
    fn add_trigger(
        &self,
        phase: Phase,
        event: SystemEvent,
        call: Box<dyn FnOnce(Hold)>,
    ) -> Option<TriggerId> {
        self.add_system_event_trigger(phase, event, call)
    }

    fn remove_trigger(&self, id: TriggerId) -> bool {
        self.remove_system_event_trigger(id)
    }

    fn fire_event(&self, event: SystemEvent) {
        self.fire_system_event(event);
    }

    fn begin_drain(&self, longest: Duration) {
        self.drain(longest);
    }

    fn progress(&self) -> ReactorState {
        self.state()
    }
}

impl ReactorLifecycle for Reactor {
    fn add_trigger(
        &self,
        phase: Phase,
        event: SystemEvent,
        call: Box<dyn FnOnce(Hold)>,
    ) -> Option<TriggerId> {
        self.handle.add_trigger(phase, event, call)
    }

    fn remove_trigger(&self, id: TriggerId) -> bool {
        self.handle.remove_trigger(id)
    }

    fn fire_event(&self, event: SystemEvent) {
        self.handle.fire_event(event);
    }

    fn begin_drain(&self, longest: Duration) {
        self.handle.begin_drain(longest);
    }

    fn progress(&self) -> ReactorState {
        self.handle.progress()
    }
}
