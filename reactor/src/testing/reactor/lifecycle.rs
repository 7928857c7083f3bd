use super::MemoryReactor;
use crate::heart::port::Listening;
use crate::{Hold, Phase, ReactorLifecycle, ReactorState, SystemEvent, TriggerId};

impl MemoryReactor {
    /// The reactor starts: the triggers of startup are called, and what is to be called when it runs.
    ///
    /// All but these works before it has started, too. Returns false while a trigger holds it back:
    /// then the test is to call it again.
    pub fn start(&self) -> bool {
        if self.state.get() == ReactorState::Idle {
            self.state.set(ReactorState::Starting);
            self.triggers.fire(Phase::Before, &SystemEvent::Startup);
        }
        if self.state.get() == ReactorState::Starting && !self.triggers.is_held() {
            self.state.set(ReactorState::Running);
            self.triggers.fire(Phase::During, &SystemEvent::Startup);
            self.triggers.fire(Phase::After, &SystemEvent::Startup);
        }
        self.clock.run();
        self.state.get() >= ReactorState::Running
    }

    /// Whether code under test has stopped the reactor, and [`shut_down`](MemoryReactor::shut_down) is
    /// due.
    pub fn is_stopping(&self) -> bool {
        self.stops.get()
    }

    /// The reactor ends, as [`Reactor::run`](crate::Reactor::run) has it: triggers before shutdown;
    /// ports are closed, and protocols of datagrams are asked to finish; triggers during and after
    /// shutdown. The connections are the test's, which ends them as it likes.
    ///
    /// Returns false while a trigger holds it back: then the test is to call it again.
    ///
    /// ```
    /// use retwist_reactor::testing::MemoryReactor;
    /// use retwist_reactor::{FullReactor, Phase, SystemEvent};
    ///
    /// fn program(reactor: &dyn FullReactor) {
    ///     reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, |_| println!("bye"));
    ///     reactor.stop();
    /// }
    ///
    /// let reactor = MemoryReactor::new();
    /// program(&reactor);
    /// assert!(reactor.is_stopping());
    /// assert!(reactor.shut_down());
    /// ```
    pub fn shut_down(&self) -> bool {
        self.stops.set(true);
        if self.state.get() < ReactorState::Stopping {
            self.state.set(ReactorState::Stopping);
            self.triggers.fire(Phase::Before, &SystemEvent::Shutdown);
        }
        self.clock.run();
        if self.state.get() == ReactorState::Stopping && !self.triggers.is_held() {
            self.state.set(ReactorState::Closing);
            let ports = self.ports.borrow().clone();
            ports.iter().for_each(|port| port.stop());
            self.datagrams.shut_down();
            self.triggers.fire(Phase::During, &SystemEvent::Shutdown);
            self.triggers.fire(Phase::After, &SystemEvent::Shutdown);
            self.state.set(ReactorState::Ended);
            self.clock.run();
        }
        self.state.get() == ReactorState::Ended
    }
}

impl ReactorLifecycle for MemoryReactor {
    fn add_trigger(
        &self,
        phase: Phase,
        event: SystemEvent,
        call: Box<dyn FnOnce(Hold)>,
    ) -> Option<TriggerId> {
        Some(self.triggers.add(phase, event, call))
    }

    fn remove_trigger(&self, id: TriggerId) -> bool {
        self.triggers.remove(id)
    }

    fn fire_event(&self, event: SystemEvent) {
        match event {
            SystemEvent::Shutdown => self.stops.set(true),
            SystemEvent::Startup => {}
            event => self.triggers.fire_named(event),
        }
    }

    fn progress(&self) -> ReactorState {
        self.state.get()
    }
}
