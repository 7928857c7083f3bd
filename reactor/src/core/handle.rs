use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::core::Core;
use crate::core::lifecycle::{Hold, Phase, SystemEvent, TriggerId};
use crate::core::sleep::Sleep;
use crate::core::state::ReactorState;
use crate::{Clock, DelayedCall, ListenError, Remote};

/// A reactor as its callbacks see it: weak, cheap to clone.
///
/// A protocol keeps one to stop the reactor, to connect, or to set a timer that outlives its connection:
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::{MainError, Protocol, Reactor, ReactorHandle, TransportRef};
///
/// struct Once {
///     reactor: ReactorHandle,
/// }
///
/// impl Protocol for Once {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         transport.lose_connection();
///         self.reactor.stop();
///     }
/// }
///
/// fn main() -> Result<(), MainError> {
///     let reactor = Reactor::new()?;
///     let handle = reactor.handle();
///     let port = reactor.listen_tcp("127.0.0.1:0", move |_| Once { reactor: handle.clone() })?;
/// #     struct Client;
/// #     impl Protocol for Client {}
/// #     reactor.connect_tcp(port.address(), |_| Client);
/// #     let _ = &port;
///     reactor.run()?;
///     Ok(())
/// }
/// ```
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

    /// Calls `call` once, when the reactor starts or ends, or when an event of the application
    /// happens, which is given by its name. Returns `None` if the reactor has gone.
    #[doc(alias = "addSystemEventTrigger")]
    pub fn add_system_event_trigger(
        &self,
        phase: Phase,
        event: impl Into<SystemEvent>,
        call: impl FnOnce(Hold) + 'static,
    ) -> Option<TriggerId> {
        let core = self.core.upgrade()?;
        Some(core.triggers.add(phase, event.into(), Box::new(call)))
    }

    /// Fires an event of the application: calls its triggers `before`, waits for what they hold,
    /// and calls those `during` and `after` it. A trigger is called once, so an event that happens
    /// again calls those that were added since. Until a held event has gone on, firing it again
    /// changes nothing.
    ///
    /// The triggers are called before this returns, as far as none of them holds back the event; the
    /// rest are called in a pass of the loop. What such a trigger borrows, the caller must not have
    /// borrowed.
    ///
    /// A reactor fires its own events by itself: to fire [`SystemEvent::Shutdown`] is to
    /// [`stop`](ReactorHandle::stop), and to fire [`SystemEvent::Startup`] or [`SystemEvent::Drain`]
    /// changes nothing, which is logged.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use retwist::{Phase, Reactor};
    ///
    /// let reactor = Reactor::new()?;
    /// reactor.add_system_event_trigger(Phase::During, "reload", |_| println!("reloading"));
    /// reactor.fire_system_event("reload");
    /// # Ok(()) }
    /// ```
    #[doc(alias = "fireSystemEvent")]
    pub fn fire_system_event(&self, event: impl Into<SystemEvent>) {
        match event.into() {
            SystemEvent::Startup => {
                log::warn!("fire_system_event has no effect: a reactor is started by run or start");
            }
            SystemEvent::Drain => {
                log::warn!("fire_system_event has no effect: `drain` drains a reactor");
            }
            SystemEvent::Shutdown => self.stop(),
            event => {
                if let Some(core) = self.core.upgrade().filter(|core| !core.has_ended()) {
                    core.triggers.fire_named(event);
                }
            }
        }
    }

    /// Removes a trigger, which will not be called. Returns false if it has been called or removed
    /// before.
    #[doc(alias = "removeSystemEventTrigger")]
    pub fn remove_system_event_trigger(&self, id: TriggerId) -> bool {
        self.core
            .upgrade()
            .is_some_and(|core| core.triggers.remove(id))
    }

    /// Whether the reactor is running: from the `during` phase of its startup to that of its shutdown.
    pub fn is_running(&self) -> bool {
        self.core.upgrade().is_some_and(|core| core.is_running())
    }

    /// Returns the state of the reactor. A reactor that has gone has ended.
    pub fn state(&self) -> ReactorState {
        match self.core.upgrade() {
            Some(core) => core.state(),
            None => ReactorState::Ended,
        }
    }

    /// Calls `hook` in each pass of the loop, around the one call in which the loop sleeps: the hook
    /// does its work before, calls [`Sleep::sleep`], and does its work after. A language that
    /// embeds the reactor gives up its lock there and takes it back. It takes the place of an earlier
    /// hook.
    ///
    /// A hook that does not sleep only goes first: the loop then sleeps when the hook has returned. A
    /// panic in it is logged. Without a hook, this costs nothing.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::cell::RefCell;
    /// # use std::rc::Rc;
    /// use retwist::Reactor;
    ///
    /// let reactor = Reactor::new()?;
    /// let lock = Rc::new(RefCell::new("locked"));
    /// reactor.around_sleep(move |sleep| {
    ///     lock.replace("released");
    ///     sleep.sleep();
    ///     lock.replace("locked");
    /// });
    /// # Ok(()) }
    /// ```
    pub fn around_sleep(&self, hook: impl FnMut(Sleep<'_>) + 'static) {
        if let Some(core) = self.core.upgrade() {
            core.around_sleep(Box::new(hook));
        }
    }

    /// Drains the reactor, and then stops it: from the next turn on it accepts nothing new, and what it
    /// serves may take `longest` to come to its end. With zero, it [stops](ReactorHandle::stop).
    ///
    /// 1. The ports close, after the [notice](crate::ReactorSettings::drain_notice) if the settings have one. What
    ///    waits in their queues is accepted and read once.
    /// 2. Each connection that was accepted hears [`shutting_down`](crate::Protocol::shutting_down), with
    ///    [`is_draining`](crate::Transport::is_draining) true: it may finish what is under way. So do child
    ///    processes and ports of datagrams. Connections that this side made hear nothing yet, since the
    ///    others may need them.
    /// 3. When all accepted connections and child processes have ended, or `longest` has passed, the reactor
    ///    stops as after [`stop`](ReactorHandle::stop): what is left is closed in order.
    ///
    /// The log says how far it is. A `stop` meanwhile cuts it short, and a second call gives it another
    /// time from then on. Triggers of [`SystemEvent::Drain`] hear of it.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use retwist::Reactor;
    ///
    /// let reactor = Reactor::new()?;
    /// let handle = reactor.handle();
    /// reactor.call_when_running(move || handle.drain(Duration::from_secs(30)));
    /// // Nothing is served, so there is nothing to wait for.
    /// reactor.run()?;
    /// # Ok(()) }
    /// ```
    pub fn drain(&self, longest: Duration) {
        self.tell("drain", |core| core.drain(longest));
    }

    /// Returns how much longer the [drain](ReactorHandle::drain) that is under way may last; `Duration::MAX` is
    /// without a limit. `None`: the reactor does not drain.
    pub fn drain_time_left(&self) -> Option<Duration> {
        self.core.upgrade()?.drain_time_left()
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
            if core.state() == ReactorState::Idle {
                log::warn!("{what} has no effect: the reactor does not run");
            }
            act(&core);
        }
    }

    /// Calls `call` in a turn of the loop each time that the process gets this signal, as long as what is
    /// returned is kept: SIGHUP to read the configuration again, SIGUSR1 and SIGUSR2 for what the program
    /// makes of them. Signals that come in quick succession may be one call.
    ///
    /// Each handler of a signal is called, here and in other reactors, and one that the process had before
    /// too. A signal that the process ignores is heard all the same. SIGINT and SIGTERM also stop the
    /// reactor, unless its [settings](crate::ReactorSettings::signals) say otherwise.
    ///
    /// When the handler is dropped, the signal does again what it did before, unless something else listens
    /// for it. A reactor that has stopped calls nothing; as long as the handler is kept, the signal does
    /// nothing then.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use retwist_reactor as retwist;
    /// use retwist::{Reactor, Signal};
    ///
    /// let reactor = Reactor::new()?;
    /// let _reload = reactor.on_signal(Signal::HUP, || println!("reading the configuration again"))?;
    /// # Ok(()) }
    /// ```
    #[cfg(unix)]
    #[doc(alias = "signal.signal")]
    pub fn on_signal(
        &self,
        signal: crate::Signal,
        call: impl FnMut() + 'static,
    ) -> Result<crate::SignalHandler, crate::SignalError> {
        let core = self.open_core();
        let core = core.map_err(|_| crate::SignalError::ReactorGone)?;
        crate::core::signals::handler::listen(&core, signal, Box::new(call))
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
