use std::cell::Cell;

/// The state of a reactor: what [`ReactorHandle::state`](crate::ReactorHandle::state) and
/// [`Reactor::iterate`](crate::Reactor::iterate) tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ReactorState {
    /// It was not started, or has crashed.
    Idle,
    /// The triggers before startup were called, and may hold it back.
    Starting,
    /// Its startup is complete.
    Running,
    /// It was told to drain: its ports close, and what it serves is coming to its end.
    Draining,
    /// It was told to stop. The triggers before shutdown were called, and may hold it back.
    Stopping,
    /// Its ports are closed, and its connections are coming to their end.
    Closing,
    /// Every connection has ended, all triggers were called, and no further call is made.
    Ended,
}

/// What a reactor was told, while it starts or runs or after that. It grows, and is never taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Told {
    Nothing,
    /// The reactor waits for what it serves first.
    Drain,
    Stop,
    /// The reactor waits neither for holds nor for connections.
    StopAtOnce,
    Crash,
}

/// How far the reactor has come, and what it was told.
///
/// What is evil here is the end: a reactor stops because it is told to, by a signal, by a callback of
/// any phase, because the system reports events no more, or because it is dropped; each of them may
/// come while another one is under way, in a pass or between two of them. So what the reactor is told
/// is only noted, and one place goes on by it ([`Core::advance`](super::Core)):
///
/// ```text
/// state    | goes on when                            | to       | and then
/// ---------+-----------------------------------------+----------+------------------------------------
/// Idle     | start                                   | Starting | triggers before startup
/// Starting | told to crash                           | Idle     |
/// Starting | told to stop, or nothing holds it       | Running  | triggers during and after startup
/// Running  | told to crash                           | Idle     |
/// Running  | told to drain                           | Draining | triggers before the drain
/// Running  | told to stop                            | Stopping | triggers before shutdown
/// Draining | told to crash                           | Idle     |
/// Draining | told to stop, or the drain is over      | Stopping | triggers before shutdown
/// Stopping | told to stop at once, or nothing holds  | Closing  | ports close; connections are asked
/// Closing  | told to stop at once, or nothing is     | Ended    | the rest is aborted; triggers during
///          | connected, or the time is up            |          | and after shutdown
/// any      | the reactor is dropped                  | Ended    | the rest is aborted
/// ```
///
/// ```text
/// what comes      | tells
/// ----------------+---------------------------------------------------------------
/// drain           | to drain
/// stop            | to stop
/// stop_at_once    | to stop at once
/// crash           | to crash, unless it was told to stop
/// a signal        | to drain, if it is to; the next one to stop, and the next to stop at once
/// poll has failed | to stop; to stop at once, if it is stopping: an end that cannot wait
/// ```
///
/// The steps of a drain are in `core/drain.rs`.
pub(super) struct Progress {
    state: Cell<ReactorState>,
    told: Cell<Told>,
    /// Whether each sleep is noted: by a hook around it, or for another thread.
    is_noted: Cell<bool>,
    /// Whether the work of each pass is measured.
    is_watched: Cell<bool>,
    /// Whether it runs, was told nothing, and is neither noted nor watched: what each pass asks, in one look.
    usual: Cell<bool>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Progress {
            state: Cell::new(ReactorState::Idle),
            told: Cell::new(Told::Nothing),
            is_noted: Cell::new(false),
            is_watched: Cell::new(false),
            usual: Cell::new(false),
        }
    }

    fn update(&self) {
        let runs_on = self.state.get() == ReactorState::Running && self.told.get() == Told::Nothing;
        self.usual
            .set(runs_on && !self.is_noted.get() && !self.is_watched.get());
    }

    /// Whether the next pass has nothing to do but what most passes do.
    #[inline]
    pub(super) fn is_usual(&self) -> bool {
        self.usual.get()
    }

    pub(super) fn is_noted(&self) {
        self.is_noted.set(true);
        self.update();
    }

    pub(super) fn is_watched(&self, is_watched: bool) {
        self.is_watched.set(is_watched);
        self.update();
    }

    pub(super) fn state(&self) -> ReactorState {
        self.state.get()
    }

    pub(super) fn set(&self, state: ReactorState) {
        self.state.set(state);
        self.update();
    }

    pub(super) fn told(&self) -> Told {
        self.told.get()
    }

    /// It begins anew, as if it had not been started.
    pub(super) fn reset(&self) {
        self.told.set(Told::Nothing);
        self.set(ReactorState::Idle);
    }

    pub(super) fn is_under_way(&self) -> bool {
        !matches!(self.state.get(), ReactorState::Idle | ReactorState::Ended)
    }

    /// Returns whether it is told nothing else, and can be.
    pub(super) fn drain(&self) -> bool {
        self.tell(Told::Drain);
        self.told.get() == Told::Drain
    }

    pub(super) fn stop(&self) {
        self.tell(Told::Stop);
    }

    pub(super) fn stop_at_once(&self) {
        if self.told.get() != Told::Crash {
            self.tell(Told::StopAtOnce);
        }
    }

    pub(super) fn crash(&self) {
        if self.told.get() < Told::Stop {
            self.tell(Told::Crash);
        }
    }

    /// Returns what this signal has changed, on a reactor that drains at the first or not.
    pub(super) fn signalled(&self, drains: bool) -> Told {
        match self.told.get() {
            Told::Nothing if drains => self.tell(Told::Drain),
            Told::Nothing | Told::Drain => self.tell(Told::Stop),
            Told::Stop => self.tell(Told::StopAtOnce),
            Told::StopAtOnce | Told::Crash => return Told::Nothing,
        }
        self.told.get()
    }

    pub(super) fn poll_has_failed(&self) {
        if self.state.get() >= ReactorState::Stopping {
            self.stop_at_once();
        } else {
            self.stop();
        }
    }

    fn tell(&self, told: Told) {
        if self.is_under_way() {
            self.told.set(self.told.get().max(told));
            self.update();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Progress {
        let progress = Progress::new();
        progress.set(ReactorState::Running);
        progress
    }

    #[test]
    fn a_reactor_that_is_idle_or_has_ended_is_told_nothing() {
        for state in [ReactorState::Idle, ReactorState::Ended] {
            let progress = Progress::new();
            progress.set(state);
            progress.stop();
            progress.stop_at_once();
            progress.crash();
            assert!(!progress.drain());
            assert_eq!(progress.signalled(true), Told::Nothing);
            assert_eq!(progress.told(), Told::Nothing);
        }
    }

    #[test]
    fn the_second_signal_stops_at_once_and_the_third_changes_nothing() {
        let progress = running();
        let told = [(); 3].map(|()| progress.signalled(false));
        assert_eq!(told, [Told::Stop, Told::StopAtOnce, Told::Nothing]);
        let progress = running();
        let told = [(); 4].map(|()| progress.signalled(true));
        let hurried = [Told::Drain, Told::Stop, Told::StopAtOnce, Told::Nothing];
        assert_eq!(told, hurried);
    }

    #[test]
    fn a_crash_and_a_stop_exclude_each_other() {
        let progress = running();
        progress.stop();
        progress.crash();
        assert_eq!(progress.told(), Told::Stop);
        let progress = running();
        progress.crash();
        progress.stop();
        progress.stop_at_once();
        assert_eq!(progress.told(), Told::Crash);
    }

    #[test]
    fn a_poll_that_fails_stops_a_reactor_that_runs_and_hurries_one_that_stops() {
        let progress = running();
        progress.poll_has_failed();
        assert_eq!(progress.told(), Told::Stop);
        progress.set(ReactorState::Stopping);
        progress.poll_has_failed();
        assert_eq!(progress.told(), Told::StopAtOnce);
    }
}
