use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem;
use std::sync::{Arc, Weak};

use crate::Remote;
use crate::values::panic::log_panic;

/// An event of a reactor as a whole, or of the application that runs on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SystemEvent {
    /// The reactor starts to run.
    Startup,
    /// The reactor drains ([`ReactorHandle::drain`](crate::ReactorHandle::drain)), which may never
    /// happen. `before`: its ports still accept, and go on to do so as long as a trigger holds that back,
    /// so that a balancer can be told first. `during`: its ports are closed, and what it serves has been
    /// asked to finish; a hold keeps it from stopping as soon as all has ended. `after`: all has ended, or
    /// the time is up; these are left out if the drain is cut short. No hold outlasts the time of the
    /// drain.
    Drain,
    /// The reactor was stopped, and ends. Ports and connections are closed between `before` and
    /// `during`.
    Shutdown,
    /// An event with a name of the application's own, such as `"reload"`. It happens when the
    /// application says so, with
    /// [`fire_system_event`](crate::ReactorHandle::fire_system_event).
    Named(Cow<'static, str>),
}

impl From<&'static str> for SystemEvent {
    fn from(name: &'static str) -> Self {
        SystemEvent::Named(name.into())
    }
}

impl From<String> for SystemEvent {
    fn from(name: String) -> Self {
        SystemEvent::Named(name.into())
    }
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
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::{MainError, Phase, Reactor, SystemEvent};
/// use std::thread;
///
/// fn main() -> Result<(), MainError> {
///     let reactor = Reactor::new()?;
///     reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, |hold| {
///         // Ports and connections stay open until this thread has ended.
///         thread::spawn(move || {
///             println!("saving");
///             drop(hold);
///         });
///     });
///     let handle = reactor.handle();
///     reactor.call_when_running(move || handle.stop());
///     reactor.run()?;
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Hold {
    _held: Arc<Held>,
}

/// What all holds of one phase share.
struct Held {
    then: Then,
}

/// What happens when nothing holds an event back.
enum Then {
    Nothing,
    /// The loop is woken, and goes on by itself.
    Wake(Remote),
    /// The rest of an event of the application is fired, in the reactor's thread.
    GoOn(Remote, SystemEvent),
}

impl Drop for Held {
    /// The last of them has gone, perhaps in another thread.
    fn drop(&mut self) {
        match mem::replace(&mut self.then, Then::Nothing) {
            Then::Nothing => {}
            Then::Wake(remote) => remote.wake(),
            Then::GoOn(remote, event) => {
                // If the reactor has ended, so has the event.
                let _ = remote.call_from_thread(move |reactor| {
                    if let Some(core) = reactor.core.upgrade() {
                        core.triggers.fire_rest(&event);
                    }
                });
            }
        }
    }
}

/// Names a trigger, to remove it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TriggerId(u64);

/// The triggers of the system events, each called once, in the order in which they were added: for a
/// reactor of your own, which is simulated or drives its loop by hand.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::testing::Triggers;
/// use retwist::{Phase, SystemEvent};
///
/// let triggers = Triggers::by_hand();
/// triggers.add(Phase::Before, SystemEvent::Shutdown, Box::new(|hold| drop(hold)));
/// triggers.fire(Phase::Before, &SystemEvent::Shutdown);
/// assert!(!triggers.is_held());
/// triggers.fire(Phase::During, &SystemEvent::Shutdown);
/// ```
pub struct Triggers {
    waiting: RefCell<Vec<Trigger>>,
    next: Cell<u64>,
    /// The holds of the phase of startup or shutdown that was fired last. Those of an earlier phase
    /// hold back nothing.
    held: RefCell<Weak<Held>>,
    /// The events of the application that are under way: fired, and held back.
    under_way: RefCell<Vec<SystemEvent>>,
    /// `None` for a reactor that is driven by hand.
    remote: Option<Remote>,
}

struct Trigger {
    id: TriggerId,
    phase: Phase,
    event: SystemEvent,
    call: Box<dyn FnOnce(Hold)>,
}

impl Triggers {
    /// Those of a loop that a hold wakes when it is dropped.
    pub(crate) fn new(remote: Remote) -> Self {
        let mut triggers = Triggers::by_hand();
        triggers.remote = Some(remote);
        triggers
    }

    /// Those of a loop that asks whether it [is held](Triggers::is_held).
    pub fn by_hand() -> Self {
        Triggers {
            waiting: RefCell::default(),
            next: Cell::new(0),
            held: RefCell::default(),
            under_way: RefCell::default(),
            remote: None,
        }
    }

    /// Adds one, to be called in this phase of this event.
    pub fn add(&self, phase: Phase, event: SystemEvent, call: Box<dyn FnOnce(Hold)>) -> TriggerId {
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

    /// Removes one. Returns false if it has been called or removed before.
    pub fn remove(&self, id: TriggerId) -> bool {
        self.take(|trigger| trigger.id == id).is_some()
    }

    /// Calls the triggers of a phase of startup or shutdown. What they hold is
    /// [held](Triggers::is_held) from then on.
    pub fn fire(&self, phase: Phase, event: &SystemEvent) {
        self.held.take();
        let then = self.remote.clone().map_or(Then::Nothing, Then::Wake);
        let held = self.call(phase, event, then);
        self.held.replace(Arc::downgrade(&held));
        if let Some(mut held) = Arc::into_inner(held) {
            held.then = Then::Nothing;
        }
    }

    /// Fires an event of the application: calls its triggers, all of them now if none holds it back.
    /// If it is under way, the first time counts. A loop that is driven by hand does not wait for holds
    /// of such an event.
    pub fn fire_named(&self, event: SystemEvent) {
        if self.under_way.borrow().contains(&event) {
            return;
        }
        self.under_way.borrow_mut().push(event.clone());
        let then = match &self.remote {
            Some(remote) => Then::GoOn(remote.clone(), event.clone()),
            None => Then::Nothing,
        };
        let held = self.call(Phase::Before, &event, then);
        if self.remote.is_none() {
            return self.fire_rest(&event);
        }
        // If a hold is left, the drop of the last one goes on.
        if let Some(mut held) = Arc::into_inner(held) {
            held.then = Then::Nothing;
            self.fire_rest(&event);
        }
    }

    fn fire_rest(&self, event: &SystemEvent) {
        for phase in [Phase::During, Phase::After] {
            self.call(phase, event, Then::Nothing);
        }
        self.under_way.borrow_mut().retain(|one| one != event);
    }

    /// Calls the triggers of a phase, in order. Each may add and remove others.
    fn call(&self, phase: Phase, event: &SystemEvent, then: Then) -> Arc<Held> {
        let held = Arc::new(Held { then });
        while let Some(trigger) =
            self.take(|trigger| trigger.phase == phase && trigger.event == *event)
        {
            let hold = Hold {
                _held: held.clone(),
            };
            log_panic("a system event trigger", || (trigger.call)(hold));
        }
        held
    }

    /// Whether a hold keeps back the next phase of startup or shutdown.
    pub fn is_held(&self) -> bool {
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

impl fmt::Debug for Triggers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Triggers")
            .field("waiting", &self.waiting.borrow().len())
            .finish_non_exhaustive()
    }
}
