pub(crate) mod connect_attempt;
pub(crate) mod connector;
pub(crate) mod factory;
pub(crate) mod handle;
pub(crate) mod lifecycle;
pub(crate) mod remote;
pub(crate) mod settings;
pub(crate) mod siblings;
mod signals;
pub(crate) mod sources;
mod spare_fd;

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use self::signals::Signals;
use self::spare_fd::SpareFd;
use crate::core::lifecycle::{Phase, SystemEvent, Triggers};
use crate::core::siblings::Siblings;
use crate::core::sources::Sources;
use crate::datagram::DatagramCommons;
use crate::heart::port::KeptPorts;
use crate::machines::output::Buffers;
use crate::stream::StreamContext;
use crate::{Clock, ReactorHandle, ReactorSettings, Reason, Remote, RunError};

/// What a reactor is made of, and the loop.
///
/// What is evil here is the end: a reactor stops because it is told to, by a signal, by a callback of
/// any phase, or because it is dropped, and each of them may come while another one is under way. So
/// the state is one enum, and this is all that changes it:
///
/// ```text
/// from       | run        stop, signal   phase is over   stop_at_once   crash      drop
/// -----------+------------------------------------------------------------------------
/// Idle       | Starting   -              -               -              -          Ended
/// Starting   | -          Stopping       Running         Hurrying       Crashing   -
/// Running    | -          Stopping       -               Hurrying       Crashing   -
/// Stopping   | -          Hurrying (1)   Closing         Hurrying       -          -
/// Closing    | -          Hurrying (1)   Ended           Hurrying       -          -
/// Hurrying   | -          -              Ended           -              -          -
/// Crashing   | -          -              Idle            -              -          -
/// Ended      | -          -              -               -              -          -
///
/// (1) a signal alone: `stop` does nothing when the reactor is stopping already.
/// ```
///
/// `Starting` and `Stopping` last as long as a trigger holds back the next phase, `Closing` until
/// nothing is connected any more, or for the shutdown's timeout. `Hurrying` waits for neither.
pub(crate) struct Core {
    pub(crate) context: Rc<StreamContext>,
    pub(crate) sources: Rc<Sources>,
    pub(crate) datagrams: Rc<DatagramCommons>,
    /// What the connections that this side made share.
    pub(crate) outgoing: Rc<Siblings>,
    pub(crate) kept_ports: Rc<KeptPorts>,
    pub(crate) spare_fd: SpareFd,
    pub(crate) triggers: Triggers,
    pub(crate) remote: Remote,
    settings: ReactorSettings,
    system: RefCell<System>,
    signals: RefCell<Option<Signals>>,
    state: Cell<State>,
}

/// Where the loop sleeps, and what it hears when it wakes. Borrowed during a pass.
struct System {
    poll: Poll,
    events: Events,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has not run yet, or has crashed.
    Idle,
    Starting,
    Running,
    /// It was told to stop, and triggers may hold it back.
    Stopping,
    /// Everything is being closed.
    Closing,
    /// A second signal, or [`stop_at_once`](Core::stop_at_once): stop waiting for holds and for
    /// connections to close.
    Hurrying,
    Crashing,
    Ended,
}

/// The other tokens belong to [`Sources`], where these two have no source.
const WAKER: Token = Token(usize::MAX);
const SIGNALS: Token = Token(usize::MAX - 1);

/// How many events one poll takes at most.
const EVENTS: usize = 1024;

impl Core {
    pub(crate) fn new(settings: ReactorSettings) -> Result<Rc<Self>, RunError> {
        let poll = Poll::new().map_err(RunError::Poll)?;
        let registry = poll.registry().try_clone().map_err(RunError::Poll)?;
        let waker = Waker::new(poll.registry(), WAKER).map_err(RunError::Poll)?;
        let remote = Remote::new(waker);
        let sources = Rc::new(Sources::new(registry));
        Ok(Rc::new(Core {
            context: Rc::new(StreamContext {
                clock: Clock::flowing(),
                buffers: Buffers::new(),
            }),
            datagrams: Rc::default(),
            outgoing: Siblings::new(&sources),
            sources,
            kept_ports: Rc::default(),
            spare_fd: SpareFd::new(),
            triggers: Triggers::new(remote.clone()),
            remote,
            settings,
            system: RefCell::new(System {
                poll,
                events: Events::with_capacity(EVENTS),
            }),
            signals: RefCell::new(None),
            state: Cell::new(State::Idle),
        }))
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.context.clock
    }

    /// Makes passes of the loop, as long as `next` says how long each may sleep at most (`None`:
    /// without a limit).
    #[inline]
    fn passes(
        &self,
        handle: &ReactorHandle,
        mut next: impl FnMut() -> Option<Option<Duration>>,
    ) -> Result<(), RunError> {
        let (Ok(mut system), Some(mut buffer)) = (
            self.system.try_borrow_mut(),
            self.context.buffers.read_buffer(),
        ) else {
            return Err(RunError::AlreadyRunning);
        };
        let (clock, sources) = (self.clock(), &*self.sources);
        while let Some(longest) = next() {
            let System { poll, events } = &mut *system;
            let wait = if clock.pending_calls() > 0 || self.remote.is_pending() {
                self.call_due(handle, longest)
            } else {
                self.wait(longest)
            };
            let polled = poll.poll(events, wait);
            clock.tick();
            sources.run_again(&mut buffer);
            for event in &*events {
                if !sources.dispatch(event, &mut buffer) && event.token() == SIGNALS {
                    self.signals_came();
                }
            }
            clock.run_turns();
            clock.flow();
            if let Err(error) = polled
                && error.kind() != io::ErrorKind::Interrupted
            {
                return Err(RunError::Poll(error));
            }
        }
        Ok(())
    }

    /// Makes the calls that are due and those from other threads, and returns how long the poll may
    /// sleep then.
    #[inline(never)]
    fn call_due(&self, handle: &ReactorHandle, longest: Option<Duration>) -> Option<Duration> {
        let clock = self.clock();
        let before = self.situation();
        clock.tick();
        clock.run_due();
        let called = self.remote.run(handle);
        // A call from another thread ends the pass, whether it came before the sleep or in it: the
        // loop around `iterate` may wait for just that. `run` goes on to the next pass anyway.
        if self.situation() != before || called && longest.is_some() {
            return Some(Duration::ZERO);
        }
        match (clock.until_next_wake(), longest) {
            (Some(timer), Some(longest)) => self.wait(Some(timer.min(longest))),
            (timer, longest) => self.wait(timer.or(longest)),
        }
    }

    /// What a pass is made for, and what may end it.
    fn situation(&self) -> (State, bool) {
        (self.state.get(), self.triggers.is_held())
    }

    /// How long the poll may sleep: not at all if there is something to do. A call from another
    /// thread wakes it.
    #[inline]
    fn wait(&self, longest: Option<Duration>) -> Option<Duration> {
        if self.clock().has_turns() || self.sources.has_again() {
            Some(Duration::ZERO)
        } else {
            longest
        }
    }

    pub(crate) fn iterate(&self, handle: &ReactorHandle, wait: Duration) -> Result<(), RunError> {
        match self.state.get() {
            State::Idle => {
                let mut once = Some(Some(wait));
                self.passes(handle, || once.take())
            }
            State::Ended => Err(RunError::NotRestartable),
            _ => Err(RunError::AlreadyRunning),
        }
    }

    pub(crate) fn run(&self, handle: &ReactorHandle) -> Result<(), RunError> {
        match self.state.get() {
            // Not from inside a pass that `iterate` makes.
            State::Idle if self.system.try_borrow().is_ok() => {}
            State::Ended => return Err(RunError::NotRestartable),
            _ => return Err(RunError::AlreadyRunning),
        }
        if self.settings.signals {
            let system = self.system.borrow();
            let signals = Signals::listen(system.poll.registry(), SIGNALS, &self.remote);
            *self.signals.borrow_mut() = Some(signals.map_err(RunError::Signals)?);
        }
        self.state.set(State::Starting);
        let outcome = self.start(handle).and_then(|()| {
            self.passes(handle, || {
                (self.state.get() == State::Running).then_some(None)
            })
        });
        let outcome = if self.state.get() == State::Crashing {
            self.state.set(State::Idle);
            outcome
        } else {
            // It still runs if the poll has failed.
            self.stop();
            outcome.and(self.shut_down(handle))
        };
        self.signals.take();
        outcome
    }

    fn start(&self, handle: &ReactorHandle) -> Result<(), RunError> {
        self.triggers.fire(Phase::Before, SystemEvent::Startup);
        self.wait_for_holds(handle, State::Starting)?;
        if self.state.get() == State::Starting {
            self.state.set(State::Running);
        }
        self.triggers.fire(Phase::During, SystemEvent::Startup);
        self.triggers.fire(Phase::After, SystemEvent::Startup);
        Ok(())
    }

    fn shut_down(&self, handle: &ReactorHandle) -> Result<(), RunError> {
        self.triggers.fire(Phase::Before, SystemEvent::Shutdown);
        self.wait_for_holds(handle, State::Stopping)?;
        if self.state.get() == State::Stopping {
            self.state.set(State::Closing);
        }
        let outcome = self.close_all(handle);
        self.end();
        self.triggers.fire(Phase::During, SystemEvent::Shutdown);
        self.triggers.fire(Phase::After, SystemEvent::Shutdown);
        outcome
    }

    /// Goes on in `state` until no trigger holds back the next phase.
    fn wait_for_holds(&self, handle: &ReactorHandle, state: State) -> Result<(), RunError> {
        self.passes(handle, || {
            (self.triggers.is_held() && self.state.get() == state).then_some(None)
        })
    }

    /// Ends everything in order, and waits for it until the shutdown's timeout.
    fn close_all(&self, handle: &ReactorHandle) -> Result<(), RunError> {
        for source in self.sources.all() {
            source.stop_listening();
        }
        if self.clock().has_turns() {
            // What waited in the queues of the ports is accepted in one pass, and read for the first
            // time in the next, before it is asked to end.
            let mut passes = 0..2;
            self.passes(handle, || passes.next().map(|_| Some(Duration::ZERO)))?;
        }
        for source in self.sources.all() {
            source.stop();
        }
        // `None`: as long as it takes.
        let deadline = self
            .clock()
            .now()
            .checked_add(self.settings.shutdown_timeout);
        self.passes(handle, || {
            let left = deadline.map(|end| end.saturating_duration_since(self.clock().now()));
            let goes_on = !self.sources.is_empty() && self.state.get() != State::Hurrying;
            (goes_on && left != Some(Duration::ZERO)).then_some(left)
        })
    }

    /// Ends everything now: all that is still connected hears it, and nothing is called after this.
    pub(crate) fn end(&self) {
        if self.state.replace(State::Ended) == State::Ended {
            return;
        }
        // A callback of the first round may have connected something. A third round is not needed,
        // since nothing can be connected any more.
        for _ in 0..2 {
            for source in self.sources.all() {
                source.abort(Reason::ReactorStopped);
            }
            self.clock().run_turns();
        }
        self.kept_ports.clear();
        self.remote.close();
        self.clock().end();
    }

    #[cold]
    fn signals_came(&self) {
        let mut signals = self.signals.borrow_mut();
        let count = signals.as_mut().map_or(0, Signals::count);
        drop(signals);
        (0..count).for_each(|_| self.signalled());
    }

    /// A signal came.
    pub(crate) fn signalled(&self) {
        match self.state.get() {
            State::Starting | State::Running => {
                log::info!("stopping: a signal came; a second one stops at once");
                self.state.set(State::Stopping);
            }
            State::Stopping | State::Closing => {
                log::warn!("stopping at once: a second signal came");
                self.state.set(State::Hurrying);
            }
            _ => {}
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(
            self.state.get(),
            State::Running | State::Stopping | State::Closing | State::Hurrying
        )
    }

    /// Whether nothing new may begin.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(
            self.state.get(),
            State::Closing | State::Hurrying | State::Ended
        )
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.state.get() == State::Ended
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.state.get() == State::Idle
    }

    pub(crate) fn stop(&self) {
        if let State::Starting | State::Running = self.state.get() {
            self.state.set(State::Stopping);
        }
    }

    pub(crate) fn stop_at_once(&self) {
        if !matches!(
            self.state.get(),
            State::Idle | State::Crashing | State::Ended
        ) {
            self.state.set(State::Hurrying);
        }
    }

    pub(crate) fn crash(&self) {
        if let State::Starting | State::Running = self.state.get() {
            self.state.set(State::Crashing);
        }
    }
}
