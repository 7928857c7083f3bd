use std::time::{Duration, Instant};

use super::signals::Signals;
use super::state::{ReactorState, Told};
use super::{Core, SIGNALS};
use crate::core::lifecycle::{Phase, SystemEvent};
use crate::{Reason, RunError, Work};

/// What a reactor does in [`ReactorState::Closing`].
#[derive(Clone, Copy)]
pub(super) enum Closing {
    /// What waited in the queues of the ports is accepted in one pass, and read for the first time in
    /// the next, before it is asked to end: how many passes are left.
    Accepting(u8),
    /// The connections were asked to end. `None`: without a time limit.
    Asked(Option<Instant>),
}

impl Default for Closing {
    fn default() -> Self {
        Closing::Accepting(0)
    }
}

/// What comes after [`Core::advance`].
pub(super) enum Next {
    /// A pass, which sleeps for at most this time.
    Pass(Option<Duration>),
    /// Nothing: the reactor has ended or crashed.
    Over,
}

impl Core {
    pub(crate) fn start(&self) -> Result<(), RunError> {
        // The triggers are called as in a pass: they cannot make one.
        let Ok(_system) = self.system.try_borrow_mut() else {
            return Err(RunError::AlreadyRunning);
        };
        if self.progress.told() == Told::Crash {
            self.has_crashed();
        }
        match self.progress.state() {
            ReactorState::Idle => {}
            ReactorState::Ended => return Err(RunError::NotRestartable),
            _ => return Err(RunError::AlreadyRunning),
        }
        if self.settings.signals {
            let signals = Signals::listen(self.sources.registry(), SIGNALS, &self.remote);
            *self.signals.borrow_mut() = Some(signals.map_err(RunError::Signals)?);
        }
        #[cfg(unix)]
        super::fleet::started(&self.remote);
        self.progress.set(ReactorState::Starting);
        self.note_lifecycle();
        self.triggers.fire(Phase::Before, &SystemEvent::Startup);
        Ok(())
    }

    /// What comes now is no part of a pass, and may be code of the application.
    fn note_lifecycle(&self) {
        self.with_pulse(|pulse| {
            pulse.begins(Work::Lifecycle);
            pulse.wakes();
        });
    }

    /// Goes on through the states until one waits for something that only passes can bring.
    #[inline(never)]
    pub(super) fn advance(&self, longest: Option<Duration>) -> Next {
        if self.progress.state() == ReactorState::Draining {
            self.report_drain();
        }
        while self.is_due() {
            self.note_lifecycle();
            if self.progress.told() == Told::Crash {
                self.has_crashed();
                return Next::Over;
            }
            self.go_on();
        }
        match (self.progress.state(), self.time_to_go_on()) {
            (ReactorState::Ended, _) => Next::Over,
            (_, Some(left)) => Next::Pass(Some(longest.map_or(left, |longest| longest.min(left)))),
            (_, None) => Next::Pass(longest),
        }
    }

    /// Whether the state that the reactor is in waits for nothing more.
    pub(super) fn is_due(&self) -> bool {
        let told = self.progress.told();
        match self.progress.state() {
            ReactorState::Idle | ReactorState::Ended => false,
            ReactorState::Starting => told != Told::Nothing || !self.triggers.is_held(),
            ReactorState::Running => told != Told::Nothing,
            ReactorState::Draining => told == Told::Crash || self.is_drain_due(),
            ReactorState::Stopping => told == Told::StopAtOnce || !self.triggers.is_held(),
            ReactorState::Closing => match self.closing.get() {
                Closing::Accepting(left) => left == 0,
                Closing::Asked(_) => {
                    told == Told::StopAtOnce
                        || self.sources.is_empty()
                        || self.time_to_go_on() == Some(Duration::ZERO)
                }
            },
        }
    }

    fn go_on(&self) {
        match self.progress.state() {
            ReactorState::Idle | ReactorState::Ended => {}
            ReactorState::Starting => {
                self.progress.set(ReactorState::Running);
                self.triggers.fire(Phase::During, &SystemEvent::Startup);
                self.triggers.fire(Phase::After, &SystemEvent::Startup);
            }
            ReactorState::Running if self.progress.told() == Told::Drain => self.begin_drain(),
            ReactorState::Draining => self.drain_further(),
            ReactorState::Running => {
                self.progress.set(ReactorState::Stopping);
                self.triggers.fire(Phase::Before, &SystemEvent::Shutdown);
            }
            ReactorState::Stopping => {
                self.progress.set(ReactorState::Closing);
                for source in self.sources.all() {
                    source.stop_listening();
                }
                let passes = if self.clock().has_turns() { 2 } else { 0 };
                self.closing.set(Closing::Accepting(passes));
            }
            ReactorState::Closing => match self.closing.get() {
                Closing::Accepting(_) => self.ask_to_end(),
                Closing::Asked(_) => self.shut_down(),
            },
        }
    }

    fn ask_to_end(&self) {
        let now = self.clock().now();
        let deadline = now.checked_add(self.settings.shutdown_timeout);
        self.closing.set(Closing::Asked(deadline));
        for source in self.sources.all() {
            source.stop();
        }
    }

    fn shut_down(&self) {
        self.end();
        self.triggers.fire(Phase::During, &SystemEvent::Shutdown);
        self.triggers.fire(Phase::After, &SystemEvent::Shutdown);
        self.signals.take();
    }

    fn has_crashed(&self) {
        #[cfg(unix)]
        super::fleet::ended(&self.remote);
        self.drain.is_over();
        self.progress.reset();
        self.signals.take();
    }

    /// How long the next sleep may last because of the drain or the end of the reactor.
    pub(super) fn time_to_go_on(&self) -> Option<Duration> {
        match (self.progress.state(), self.closing.get()) {
            (ReactorState::Draining, _) => self.time_to_drain(),
            (ReactorState::Closing, Closing::Accepting(_)) => Some(Duration::ZERO),
            (ReactorState::Closing, Closing::Asked(deadline)) => {
                deadline.map(|end| end.saturating_duration_since(self.clock().now()))
            }
            _ => None,
        }
    }

    /// A pass was made.
    pub(super) fn passed(&self) {
        match (self.progress.state(), self.closing.get()) {
            (ReactorState::Draining, _) => self.drain.passed(),
            (ReactorState::Closing, Closing::Accepting(left)) => {
                self.closing.set(Closing::Accepting(left.saturating_sub(1)));
            }
            _ => {}
        }
    }

    /// What a pass is made for, and what may end it.
    pub(super) fn situation(&self) -> (ReactorState, Told, bool, Option<Instant>) {
        let (held, drained_by) = (self.triggers.is_held(), self.drain.end());
        (
            self.progress.state(),
            self.progress.told(),
            held,
            drained_by,
        )
    }

    /// Ends everything now: all that is still connected hears it, and nothing is called after this.
    pub(crate) fn end(&self) {
        if self.has_ended() {
            return;
        }
        self.drain.is_over();
        self.progress.set(ReactorState::Ended);
        // A callback of the first round may have connected something. A third round is not needed,
        // since nothing can be connected.
        for _ in 0..2 {
            for source in self.sources.all() {
                source.abort(Reason::ReactorStopped);
            }
            self.clock().run_turns();
        }
        #[cfg(unix)]
        super::fleet::ended(&self.remote);
        self.kept_ports.clear();
        self.remote.close();
        self.clock().end();
    }

    #[cold]
    pub(super) fn signals_came(&self) {
        let mut signals = self.signals.borrow_mut();
        let count = signals.as_mut().map_or(0, Signals::count);
        drop(signals);
        (0..count).for_each(|_| self.signalled());
    }

    /// A signal came.
    pub(crate) fn signalled(&self) {
        let time = self.settings.drain_timeout;
        match self.progress.signalled(!time.is_zero()) {
            Told::Drain => {
                self.drain(time);
                log::info!("draining: a signal came; a second one cuts it short");
            }
            Told::Stop => log::info!("stopping: a signal came; another one stops at once"),
            Told::StopAtOnce => log::warn!("stopping at once: another signal came"),
            Told::Nothing | Told::Crash => {}
        }
    }

    pub(crate) fn state(&self) -> ReactorState {
        self.progress.state()
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(
            self.progress.state(),
            ReactorState::Running
                | ReactorState::Draining
                | ReactorState::Stopping
                | ReactorState::Closing
        )
    }

    /// Whether nothing new may begin.
    pub(crate) fn is_ending(&self) -> bool {
        self.progress.state() >= ReactorState::Closing || self.progress.told() == Told::StopAtOnce
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.progress.state() == ReactorState::Ended
    }

    pub(crate) fn stop(&self) {
        self.progress.stop();
    }

    pub(crate) fn stop_at_once(&self) {
        self.progress.stop_at_once();
    }

    pub(crate) fn crash(&self) {
        self.progress.crash();
    }
}
