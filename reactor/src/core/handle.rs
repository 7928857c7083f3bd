use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::core::Core;
use crate::core::lifecycle::{Hold, Phase, SystemEvent, TriggerId};
use crate::{Clock, DelayedCall, ListenError, Remote};

/// A reactor as its callbacks see it: weak, cheap to clone.
#[derive(Clone)]
pub struct ReactorHandle {
    pub(crate) core: Weak<Core>,
    pub(crate) clock: Clock,
    pub(crate) remote: Remote,
}

impl ReactorHandle {
    pub(crate) fn new(core: &Rc<Core>) -> Self {
        ReactorHandle {
            core: Rc::downgrade(core),
            clock: core.clock().clone(),
            remote: core.remote.clone(),
        }
    }

    /// The core, as long as something new may begin.
    pub(crate) fn open_core(&self) -> Result<Rc<Core>, ListenError> {
        let core = self.core.upgrade().filter(|core| !core.is_ending());
        core.ok_or(ListenError::ReactorGone)
    }

    /// This handle, to be kept.
    pub fn handle(&self) -> ReactorHandle {
        self.clone()
    }

    /// Its clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// See [`Clock::call_later`].
    #[doc(alias = "callLater")]
    pub fn call_later(&self, delay: Duration, call: impl FnOnce() + 'static) -> DelayedCall {
        self.clock.call_later(delay, call)
    }

    /// See [`Clock::call_soon`].
    pub fn call_soon(&self, call: impl FnOnce() + 'static) {
        self.clock.call_soon(call);
    }

    /// Calls `call` when the reactor has started: at once, if it has.
    #[doc(alias = "callWhenRunning")]
    pub fn call_when_running(&self, call: impl FnOnce() + 'static) {
        if self.is_running() {
            call();
        } else {
            self.add_system_event_trigger(Phase::After, SystemEvent::Startup, |_| call());
        }
    }

    /// Calls `call` once, when the reactor starts or ends. Returns `None` if the reactor has gone.
    #[doc(alias = "addSystemEventTrigger")]
    pub fn add_system_event_trigger(
        &self,
        phase: Phase,
        event: SystemEvent,
        call: impl FnOnce(Hold) + 'static,
    ) -> Option<TriggerId> {
        let core = self.core.upgrade()?;
        Some(core.triggers.add(phase, event, Box::new(call)))
    }

    /// Removes a trigger, which will not be called. Returns false if it has been called or removed
    /// before.
    #[doc(alias = "removeSystemEventTrigger")]
    pub fn remove_system_event_trigger(&self, id: TriggerId) -> bool {
        self.core
            .upgrade()
            .is_some_and(|core| core.triggers.remove(id))
    }

    /// Whether it runs: from the `during` phase of its startup to that of its shutdown.
    pub fn is_running(&self) -> bool {
        self.core.upgrade().is_some_and(|core| core.is_running())
    }

    /// Ends the reactor in order, from the next turn on. Does nothing if it has been told to stop
    /// already. Before it runs there is nothing to stop, which is logged.
    pub fn stop(&self) {
        self.tell("stop", Core::stop);
    }

    /// Ends the reactor from the next turn on, or cuts its shutdown short, as a second signal does: it
    /// stops waiting for holds and for connections to close, and aborts what is still connected with
    /// [`Reason::ReactorStopped`](crate::Reason::ReactorStopped).
    pub fn stop_at_once(&self) {
        self.tell("stop_at_once", Core::stop_at_once);
    }

    /// Makes `run` return after this turn, and does nothing else: no trigger is called, no connection
    /// is closed. The reactor can run again.
    pub fn crash(&self) {
        self.tell("crash", Core::crash);
    }

    fn tell(&self, what: &str, act: impl FnOnce(&Core)) {
        if let Some(core) = self.core.upgrade() {
            if core.is_idle() {
                log::warn!("{what} has no effect: the reactor does not run");
            }
            act(&core);
        }
    }

    /// The handle for other threads.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }
}

impl fmt::Debug for ReactorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("running", &self.is_running())
            .finish_non_exhaustive()
    }
}
