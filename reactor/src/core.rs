pub(crate) mod connect_attempt;
pub(crate) mod connector;
pub(crate) mod datagram_port;
mod drain;
#[cfg(unix)]
pub(crate) mod exits;
pub(crate) mod factory;
#[cfg(unix)]
pub(crate) mod fleet;
pub(crate) mod handle;
pub(crate) mod lifecycle;
mod load;
pub(crate) mod loop_watch;
mod progress;
pub(crate) mod pulse;
pub(crate) mod remote;
pub(crate) mod settings;
pub(crate) mod siblings;
pub(crate) mod signals;
pub(crate) mod sleep;
pub(crate) mod sources;
mod spare_fd;
pub(crate) mod state;
pub(crate) mod survey;

use std::cell::{Cell, OnceCell, RefCell, RefMut};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};

use self::drain::Drain;
use self::load::Load;
use self::loop_watch::{Around, Plain, Stopwatch, Watched};
use self::progress::{Closing, Next};
use self::pulse::Pulse;
use self::signals::Signals;
use self::sleep::SleepHook;
use self::spare_fd::SpareFd;
use self::state::{Progress, ReactorState};
use crate::core::lifecycle::Triggers;
use crate::core::siblings::Siblings;
use crate::core::sources::Sources;
use crate::datagram::DatagramCommons;
use crate::heart::draining::Draining;
use crate::heart::port::KeptPorts;
use crate::machines::output::{Buffers, ReadBuffer};
use crate::stream::StreamContext;
use crate::{Clock, ReactorHandle, ReactorSettings, Remote, RunError, Work};

/// What a reactor is made of, and the loop. [`Progress`] has its states, and `core/progress.rs` what
/// moves it from one to the next, between two passes.
pub(crate) struct Core {
    pub(crate) context: Rc<StreamContext>,
    pub(crate) sources: Rc<Sources>,
    pub(crate) datagrams: Rc<DatagramCommons>,
    #[cfg(unix)]
    pub(crate) exits: exits::Exits,
    /// What the connections that this side made share.
    pub(crate) outgoing: Rc<Siblings>,
    /// What the connections that were accepted elsewhere share.
    #[cfg_attr(
        not(unix),
        expect(dead_code, reason = "only sockets of this system are adopted")
    )]
    pub(crate) adopted: Rc<Siblings>,
    pub(crate) kept_ports: Rc<KeptPorts>,
    pub(crate) spare_fd: SpareFd,
    pub(crate) triggers: Triggers,
    pub(crate) remote: Remote,
    settings: ReactorSettings,
    system: RefCell<System>,
    signals: RefCell<Option<Signals>>,
    progress: Progress,
    drain: Drain,
    closing: Cell<Closing>,
    sleep_hook: SleepHook,
    stopwatch: Stopwatch,
    pulse: OnceCell<Pulse>,
}

/// Where the loop sleeps, and what it hears when it wakes. Borrowed during a pass.
struct System {
    poll: Poll,
    events: Events,
}

/// What passes borrow.
struct Borrowed<'a> {
    system: RefMut<'a, System>,
    buffer: RefMut<'a, Box<ReadBuffer>>,
}

/// How many passes are made in one go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Passes {
    One,
    UntilOver,
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
        let served = Load::default();
        let remote = Remote::new(waker, served.clone());
        let sources = Rc::new(Sources::new(registry, served));
        let draining = Draining::default();
        Ok(Rc::new(Core {
            context: Rc::new(StreamContext {
                clock: Clock::flowing(),
                buffers: Buffers::new(),
                draining: draining.clone(),
            }),
            datagrams: Rc::new(DatagramCommons::new(draining.clone())),
            #[cfg(unix)]
            exits: exits::Exits::new(&sources),
            outgoing: Siblings::outgoing(&sources),
            adopted: Siblings::served(&sources),
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
            progress: Progress::new(),
            drain: Drain::new(draining),
            closing: Cell::default(),
            sleep_hook: SleepHook::default(),
            stopwatch: Stopwatch::default(),
            pulse: OnceCell::new(),
        }))
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.context.clock
    }

    pub(crate) fn run(&self, handle: &ReactorHandle) -> Result<(), RunError> {
        self.start()?;
        let mut outcome = Ok(());
        // A poll that fails ends the reactor, and each failure hurries it.
        while self.progress.is_under_way() {
            outcome = outcome.and(self.passes(handle));
        }
        self.with_pulse(Pulse::rests);
        outcome
    }

    /// Makes passes until the reactor has ended or crashed.
    fn passes(&self, handle: &ReactorHandle) -> Result<(), RunError> {
        let mut borrowed = self.begin()?;
        let (system, buffer) = (&mut *borrowed.system, &mut **borrowed.buffer);
        loop {
            if self.progress.is_usual() {
                self.pass(system, buffer, handle, None, Passes::UntilOver, &Plain)?;
                continue;
            }
            match self.advance(None) {
                Next::Pass(longest) => {
                    self.unusual_pass(system, buffer, handle, longest, Passes::UntilOver)?
                }
                Next::Over => return Ok(()),
            }
        }
    }

    pub(crate) fn iterate(
        &self,
        handle: &ReactorHandle,
        wait: Duration,
    ) -> Result<ReactorState, RunError> {
        if self.progress.state() == ReactorState::Ended {
            return Err(RunError::NotRestartable);
        }
        let mut borrowed = self.begin()?;
        let (system, buffer) = (&mut *borrowed.system, &mut **borrowed.buffer);
        if let Next::Pass(longest) = self.advance(Some(wait)) {
            self.unusual_pass(system, buffer, handle, longest, Passes::One)?;
            // What the pass has brought about is told at once.
            self.advance(None);
        }
        self.with_pulse(Pulse::rests);
        Ok(self.progress.state())
    }

    /// What passes need. No other pass can be made as long as it lives.
    fn begin(&self) -> Result<Borrowed<'_>, RunError> {
        self.with_pulse(Pulse::wakes);
        match (
            self.system.try_borrow_mut(),
            self.context.buffers.read_buffer(),
        ) {
            (Ok(system), Some(buffer)) => Ok(Borrowed { system, buffer }),
            _ => Err(RunError::AlreadyRunning),
        }
    }

    /// A pass of a reactor that starts or ends, has a hook, or is watched.
    #[inline(never)]
    fn unusual_pass(
        &self,
        system: &mut System,
        buffer: &mut ReadBuffer,
        handle: &ReactorHandle,
        longest: Option<Duration>,
        passes: Passes,
    ) -> Result<(), RunError> {
        self.pass(system, buffer, handle, longest, passes, &Watched(self))?;
        self.passed();
        Ok(())
    }

    /// Makes a pass of the loop, which sleeps for at most `longest` (`None`: without a limit).
    #[inline(always)]
    fn pass(
        &self,
        System { poll, events }: &mut System,
        buffer: &mut ReadBuffer,
        handle: &ReactorHandle,
        longest: Option<Duration>,
        passes: Passes,
        around: &impl Around,
    ) -> Result<(), RunError> {
        let (clock, sources) = (self.clock(), &*self.sources);
        let wait = if clock.pending_calls() > 0 || self.remote.is_pending() {
            around.begins(Work::Timers);
            let wait = self.call_due(handle, longest, passes);
            around.done(Work::Timers);
            wait
        } else {
            self.wait(longest)
        };
        let polled = around.sleep(poll, events, wait);
        clock.tick();
        sources.run_again(buffer);
        for event in &*events {
            around.event_begins(event.token());
            if !sources.dispatch(event, buffer) && event.token() == SIGNALS {
                self.signals_came();
            }
            around.event_done(event.token());
        }
        around.begins(Work::Turns);
        clock.run_turns();
        around.done(Work::Turns);
        clock.flow();
        if let Err(error) = polled
            && error.kind() != io::ErrorKind::Interrupted
        {
            self.progress.poll_has_failed();
            return Err(RunError::Poll(error));
        }
        Ok(())
    }

    /// Makes the calls that are due and those from other threads, and returns how long the poll may
    /// sleep then.
    #[inline(never)]
    fn call_due(
        &self,
        handle: &ReactorHandle,
        longest: Option<Duration>,
        passes: Passes,
    ) -> Option<Duration> {
        let clock = self.clock();
        let before = self.situation();
        clock.tick();
        clock.run_due();
        let called = self.remote.run(handle);
        // A call from another thread ends the pass, whether it came before the sleep or in it: the
        // loop around `iterate` may wait for just that. `run` goes on to the next pass anyway.
        if self.situation() != before || called && passes == Passes::One {
            return Some(Duration::ZERO);
        }
        match (clock.until_next_wake(), longest) {
            (Some(timer), Some(longest)) => self.wait(Some(timer.min(longest))),
            (timer, longest) => self.wait(timer.or(longest)),
        }
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

    /// How long a loop around this reactor may sleep until the next pass is due.
    pub(crate) fn next_timeout(&self) -> Option<Duration> {
        if self.has_ended() {
            return None;
        }
        if self.is_due() || self.remote.is_pending() {
            return Some(Duration::ZERO);
        }
        let timer = self.clock().until_next_wake();
        let end = self.time_to_go_on();
        self.wait(match (timer, end) {
            (Some(timer), Some(end)) => Some(timer.min(end)),
            (timer, end) => timer.or(end),
        })
    }

    /// What the loop is at, noted from now on.
    pub(crate) fn pulse(&self) -> Pulse {
        self.progress.is_noted();
        self.pulse.get_or_init(Pulse::default).clone()
    }

    fn with_pulse(&self, note: impl FnOnce(&Pulse)) {
        if let Some(pulse) = self.pulse.get() {
            note(pulse);
        }
    }

    /// Has `hook` called around each sleep from now on.
    pub(crate) fn around_sleep(&self, hook: sleep::Hook) {
        self.progress.is_noted();
        self.sleep_hook.set(hook);
    }
}
