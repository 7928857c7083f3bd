use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use crate::datagram::DatagramCommons;
use crate::lifecycle::{Phase, SystemEvent, Triggers};
use crate::output::Buffers;
use crate::signals::Signals;
use crate::sources::Sources;
use crate::stream::StreamContext;
use crate::tcp::Reserve;
use crate::{Clock, ReactorHandle, ReactorSettings, Reason, Remote, RunError};

/// What a reactor is made of, and the loop.
pub(crate) struct Core {
    pub(crate) context: Rc<StreamContext>,
    pub(crate) sources: Rc<Sources>,
    pub(crate) reserve: Reserve,
    pub(crate) datagrams: Rc<DatagramCommons>,
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
    /// Not run yet, or crashed.
    Idle,
    Starting,
    Running,
    /// It was told to stop, and goes on until nobody holds it back.
    Stopping,
    /// Everything is being closed.
    Closing,
    /// A second signal, or code that wants the same: whoever is waited for is waited for no longer.
    Hurrying,
    Crashing,
    Ended,
}

/// The other tokens belong to [`Sources`], where these are nobody's.
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
        Ok(Rc::new(Core {
            context: Rc::new(StreamContext {
                clock: Clock::flowing(),
                buffers: Buffers::new(),
            }),
            sources: Rc::new(Sources::new(registry)),
            reserve: Reserve::new(),
            datagrams: Rc::default(),
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

    /// Passes of the loop, as long as `next` says how long one may sleep; none: for ever.
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
            let wait = match clock.pending_calls() > 0 || self.remote.is_pending() {
                true => self.call_due(handle, longest),
                false => self.wait(longest),
            };
            let polled = poll.poll(events, wait);
            clock.tick();
            sources.run_again(&mut buffer);
            for event in &*events {
                if !sources.dispatch(event, &mut buffer) && event.token() == SIGNALS {
                    self.signalled();
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

    /// Makes the calls that are due and those from other threads, and says how long the poll may
    /// sleep then.
    #[inline(never)]
    fn call_due(&self, handle: &ReactorHandle, longest: Option<Duration>) -> Option<Duration> {
        let clock = self.clock();
        let before = self.situation();
        clock.tick();
        clock.run_due();
        self.remote.run(handle);
        if self.situation() != before {
            // It was told to stop, or is no longer held: whoever made this pass wants to know.
            return Some(Duration::ZERO);
        }
        match (clock.until_next_wake(), longest) {
            (Some(timer), Some(longest)) => self.wait(Some(timer.min(longest))),
            (timer, longest) => self.wait(timer.or(longest)),
        }
    }

    /// What a pass is made for, and may bring to an end.
    fn situation(&self) -> (State, bool) {
        (self.state.get(), self.triggers.is_held())
    }

    /// How long the poll may sleep: not at all if there is something to do. A call from another
    /// thread wakes it.
    #[inline]
    fn wait(&self, longest: Option<Duration>) -> Option<Duration> {
        match self.clock().has_turns() || self.sources.has_again() {
            true => Some(Duration::ZERO),
            false => longest,
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
            // Not from inside a pass that somebody makes by hand.
            State::Idle if self.system.try_borrow().is_ok() => {}
            State::Ended => return Err(RunError::NotRestartable),
            _ => return Err(RunError::AlreadyRunning),
        }
        if self.settings.signals {
            let signals = Signals::listen(self.system.borrow().poll.registry(), SIGNALS);
            *self.signals.borrow_mut() = Some(signals.map_err(RunError::Signals)?);
        }
        self.state.set(State::Starting);
        let outcome = self.start(handle).and_then(|()| {
            self.passes(handle, || {
                (self.state.get() == State::Running).then_some(None)
            })
        });
        let outcome = match self.state.get() {
            State::Crashing => {
                self.state.set(State::Idle);
                outcome
            }
            _ => outcome.and(self.shut_down(handle)),
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

    /// Goes on in `state` until nobody holds back the next phase.
    fn wait_for_holds(&self, handle: &ReactorHandle, state: State) -> Result<(), RunError> {
        self.passes(handle, || {
            (self.triggers.is_held() && self.state.get() == state).then_some(None)
        })
    }

    /// Ends everything in order, and waits for it; not for ever.
    fn close_all(&self, handle: &ReactorHandle) -> Result<(), RunError> {
        for source in self.sources.all() {
            source.stop();
        }
        let deadline = self.clock().now() + self.settings.shutdown_timeout;
        self.passes(handle, || {
            let left = deadline.saturating_duration_since(self.clock().now());
            let goes_on = !self.sources.is_empty() && self.state.get() != State::Hurrying;
            (goes_on && !left.is_zero()).then_some(Some(left))
        })
    }

    /// The end, now: whoever is still connected hears it, and nothing is called after this.
    pub(crate) fn end(&self) {
        if self.state.replace(State::Ended) == State::Ended {
            return;
        }
        // A callback of the first round may have connected something; a third is not needed, since
        // nothing can be any more.
        for _ in 0..2 {
            for source in self.sources.all() {
                source.abort(Reason::ReactorStopped);
            }
            self.clock().run_turns();
        }
        self.remote.close();
        self.clock().clear();
    }

    #[cold]
    fn signalled(&self) {
        let count = match self.signals.borrow_mut().as_mut() {
            Some(signals) => signals.count(),
            None => 0,
        };
        for _ in 0..count {
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

    pub(crate) fn stop(&self) -> Result<(), RunError> {
        match self.state.get() {
            State::Starting | State::Running => {
                self.state.set(State::Stopping);
                Ok(())
            }
            _ => Err(RunError::NotRunning),
        }
    }

    pub(crate) fn stop_at_once(&self) -> Result<(), RunError> {
        match self.state.get() {
            State::Idle | State::Crashing | State::Ended => Err(RunError::NotRunning),
            _ => {
                self.state.set(State::Hurrying);
                Ok(())
            }
        }
    }

    pub(crate) fn crash(&self) -> Result<(), RunError> {
        match self.state.get() {
            State::Starting | State::Running => {
                self.state.set(State::Crashing);
                Ok(())
            }
            _ => Err(RunError::NotRunning),
        }
    }
}
