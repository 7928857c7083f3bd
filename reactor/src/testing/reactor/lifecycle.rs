use std::rc::Weak;
use std::time::{Duration, Instant};

use super::MemoryReactor;
use crate::heart::port::Listening;
use crate::{Hold, Phase, ReactorLifecycle, ReactorState, SystemEvent, TriggerId};

/// How the reactor was told to drain, and how far it is.
#[derive(Clone, Copy)]
pub(super) struct Drain {
    /// `None`: no limit.
    end: Option<Instant>,
    step: Step,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Told,
    Holding,
    Asked,
}

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

    /// Whether code under test has stopped or drained the reactor, and [`shut_down`](MemoryReactor::shut_down) is
    /// due.
    pub fn is_stopping(&self) -> bool {
        self.stops.get() || self.drain.get().is_some()
    }

    /// Drains the reactor, as [`ReactorHandle::drain`](crate::ReactorHandle::drain) does: a drain that
    /// code under test began is made, step by step, by [`shut_down`](MemoryReactor::shut_down).
    pub fn drain(&self, longest: Duration) {
        if longest.is_zero() {
            self.stops.set(true);
        }
        if self.stops.get() {
            return;
        }
        let begun = self.drain.get();
        self.drain.set(Some(Drain {
            end: self.clock.now().checked_add(longest),
            step: begun.map_or(Step::Told, |drain| drain.step),
        }));
    }

    /// The reactor ends, as [`Reactor::run`](crate::Reactor::run) has it: triggers before shutdown;
    /// ports are closed, and protocols of datagrams are asked to finish; triggers during and after
    /// shutdown. The connections belong to the test, which ends them.
    ///
    /// If it was told to drain, and not to stop, the drain comes first: ports are closed, what they have
    /// accepted is asked to finish, and it goes on when all of it has ended or the time is up.
    ///
    /// Returns false while a trigger holds it back, and while it drains: then the test is to call it
    /// again.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// use retwist::testing::MemoryReactor;
    /// use retwist::{FullReactor, Phase, SystemEvent};
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
        if !self.stops.get() && self.is_kept_by_drain() {
            return false;
        }
        self.stops.set(true);
        self.draining.set(false);
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
            #[cfg(unix)]
            self.unix_datagrams.shut_down(false);
            self.triggers.fire(Phase::During, &SystemEvent::Shutdown);
            self.triggers.fire(Phase::After, &SystemEvent::Shutdown);
            self.state.set(ReactorState::Ended);
            self.clock.run();
        }
        self.state.get() == ReactorState::Ended
    }

    /// Brings a drain forward. Returns whether it lasts.
    fn is_kept_by_drain(&self) -> bool {
        let Some(mut drain) = self.drain.get() else {
            return false;
        };
        if drain.step == Step::Told {
            self.draining.set(true);
            self.state.set(ReactorState::Draining);
            drain.step = Step::Holding;
            self.drain.set(Some(drain));
            self.triggers.fire(Phase::Before, &SystemEvent::Drain);
        }
        self.clock.run();
        let is_time_up = |drain: Drain| drain.end.is_some_and(|end| end <= self.clock.now());
        if drain.step == Step::Holding && !self.triggers.is_held() && !is_time_up(drain) {
            drain.step = Step::Asked;
            self.drain.set(Some(drain));
            self.ask_to_drain();
            self.triggers.fire(Phase::During, &SystemEvent::Drain);
            self.clock.run();
        }
        // Code under test may have given it another time, or have stopped it.
        let drain = self.drain.get().unwrap_or(drain);
        let is_done = drain.step == Step::Asked && !self.serves() && !self.triggers.is_held();
        if !self.stops.get() && !is_done && !is_time_up(drain) {
            return true;
        }
        if !self.stops.get() {
            self.triggers.fire(Phase::After, &SystemEvent::Drain);
        }
        false
    }

    fn ask_to_drain(&self) {
        let ports = self.ports.borrow().clone();
        ports.iter().for_each(|port| port.stop());
        let accepted: Vec<_> = self
            .accepted
            .borrow()
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        accepted.iter().for_each(|stream| stream.drain());
        self.datagrams.drain();
        #[cfg(unix)]
        {
            self.unix_datagrams.shut_down(true);
            self.spawned().iter().for_each(|process| process.stop());
        }
    }

    /// Whether there is anything that a drain waits for.
    fn serves(&self) -> bool {
        let ports = self.ports.borrow();
        let has_connections = ports.iter().any(|port| port.connections() > 0);
        #[cfg(unix)]
        return has_connections || !self.spawned().is_empty();
        #[cfg(not(unix))]
        has_connections
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
            SystemEvent::Startup | SystemEvent::Drain => {}
            event => self.triggers.fire_named(event),
        }
    }

    fn begin_drain(&self, longest: Duration) {
        self.drain(longest);
    }

    fn progress(&self) -> ReactorState {
        self.state.get()
    }
}
