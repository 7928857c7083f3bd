use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::{Arc, Weak};

use crate::Remote;
use crate::values::panic::log_panic;

/// An event of a reactor as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemEvent {
    /// The reactor starts to run.
    Startup,
    /// The reactor was stopped, and ends. Ports and connections are closed between `before` and
    /// `during`.
    Shutdown,
}

/// When a trigger is called, relative to its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before it happens. A trigger of this phase may hold back the event ([`Hold`]), and the loop runs
    /// meanwhile: a goodbye may need a connection of its own.
    Before,
    /// As it happens.
    During,
    /// After it.
    After,
}

/// Keeps the reactor from going on to the next phase as long as it, or a clone of it, lives.
///
/// Every trigger is given one; a trigger that has nothing to wait for lets it drop. A second signal
/// ends the wait. It may be sent to another thread, and be dropped there.
#[derive(Clone)]
pub struct Hold {
    _held: Arc<Held>,
}

/// What all holds of one phase share.
struct Held {
    remote: Remote,
}

impl Drop for Held {
    /// The last of them has gone, perhaps in another thread: the loop goes on.
    fn drop(&mut self) {
        self.remote.wake();
    }
}

/// Names a trigger, to remove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriggerId(u64);

/// The triggers of the system events, each called once, in the order in which they were added.
pub(crate) struct Triggers {
    waiting: RefCell<Vec<Trigger>>,
    next: Cell<u64>,
    /// The holds of the phase that was fired last. Those of an earlier phase hold back nothing.
    held: RefCell<Weak<Held>>,
    remote: Remote,
}

struct Trigger {
    id: TriggerId,
    phase: Phase,
    event: SystemEvent,
    call: Box<dyn FnOnce(Hold)>,
}

impl Triggers {
    pub(crate) fn new(remote: Remote) -> Self {
        Triggers {
            waiting: RefCell::default(),
            next: Cell::new(0),
            held: RefCell::default(),
            remote,
        }
    }

    pub(crate) fn add(
        &self,
        phase: Phase,
        event: SystemEvent,
        call: Box<dyn FnOnce(Hold)>,
    ) -> TriggerId {
        let id = TriggerId(self.next.get());
        self.next.set(id.0 + 1);
        self.waiting.borrow_mut().push(Trigger {
            id,
            phase,
            event,
            call,
        });
        id
    }

    pub(crate) fn remove(&self, id: TriggerId) -> bool {
        self.take(|trigger| trigger.id == id).is_some()
    }

    /// Calls the triggers of a phase, in order. Each may add and remove others.
    pub(crate) fn fire(&self, phase: Phase, event: SystemEvent) {
        self.held.take();
        let mut holding = None;
        while let Some(trigger) =
            self.take(|trigger| trigger.phase == phase && trigger.event == event)
        {
            let hold = holding.get_or_insert_with(|| self.hold()).clone();
            log_panic("a system event trigger", || (trigger.call)(hold));
        }
    }

    fn hold(&self) -> Hold {
        let remote = self.remote.clone();
        let held = Arc::new(Held { remote });
        self.held.replace(Arc::downgrade(&held));
        Hold { _held: held }
    }

    /// Whether a hold keeps back the next phase.
    pub(crate) fn is_held(&self) -> bool {
        self.held.borrow().strong_count() > 0
    }

    fn take(&self, wanted: impl Fn(&Trigger) -> bool) -> Option<Trigger> {
        let mut waiting = self.waiting.borrow_mut();
        let index = waiting.iter().position(wanted)?;
        Some(waiting.remove(index))
    }
}

impl Drop for Triggers {
    fn drop(&mut self) {
        for trigger in self.waiting.take() {
            log_panic("the drop of a system event trigger", || drop(trigger));
        }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hold")
    }
}
