use std::cell::Cell;
use std::time::{Duration, Instant};

use super::Core;
use super::state::{ReactorState, Told};
use crate::core::lifecycle::{Phase, SystemEvent};
use crate::heart::draining::Draining;

/// What a reactor does in [`ReactorState::Draining`], and how long.
///
/// What is evil here: "nothing new" and "all that has come" meet in the queue of a port. What has
/// connected before the port closes was promised a server, so it is accepted and read once, as at the
/// end of a reactor, and asked to finish only then. And what is served may need what is not: a connection
/// to a database, a question to a name server. So only the former is asked and waited for, and the
/// latter hears nothing before the former has ended.
///
/// ```text
/// step      | goes on when                            | and then
/// ----------+-----------------------------------------+----------------------------------------------
/// Holding   | no trigger before the drain holds, and  | ports close
///           | the notice is over                      |
/// Accepting | two passes were made                    | what is served is asked
/// Asking    | a pass was made: it has heard so        | triggers during the drain
/// Asked     | nothing is served, no trigger holds     | triggers after it; the reactor stops
/// any       | the time is up                          | triggers after it; the reactor stops
/// any       | told to stop                            | the reactor stops
/// ```
pub(super) struct Drain {
    step: Cell<Step>,
    /// `None`: no limit.
    end: Cell<Option<Instant>>,
    /// Until when the ports stay open, so that a balancer hears of the drain first.
    notice: Cell<Option<Instant>>,
    /// When the log says next how far it is, and how long after that again.
    report: Cell<Option<(Instant, Duration)>>,
    draining: Draining,
}

#[derive(Clone, Copy)]
enum Step {
    Holding,
    Accepting(u8),
    Asking(u8),
    Asked,
}

/// How often the log says how far a drain is, at least and at most in its time.
const REPORTS: u32 = 20;
const SHORTEST: Duration = Duration::from_secs(1);

impl Drain {
    pub(super) fn new(draining: Draining) -> Self {
        Drain {
            step: Cell::new(Step::Holding),
            end: Cell::new(None),
            notice: Cell::new(None),
            report: Cell::new(None),
            draining,
        }
    }

    fn set_time(&self, now: Instant, longest: Duration) {
        self.end.set(now.checked_add(longest));
        self.report
            .set(Some((now, (longest / REPORTS).max(SHORTEST))));
    }

    /// By when it is to be over.
    pub(super) fn end(&self) -> Option<Instant> {
        self.end.get()
    }

    /// `None`: without a limit.
    fn time_left(&self, now: Instant) -> Option<Duration> {
        let end = self.end.get();
        end.map(|end| end.saturating_duration_since(now))
    }

    /// How much longer the ports stay open.
    fn notice_left(&self, now: Instant) -> Option<Duration> {
        let left = self.notice.get()?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// It has come to its end, or was given up.
    pub(super) fn is_over(&self) {
        self.draining.set(false);
    }

    /// A pass was made.
    pub(super) fn passed(&self) {
        match self.step.get() {
            Step::Accepting(left) => self.step.set(Step::Accepting(left.saturating_sub(1))),
            Step::Asking(left) => self.step.set(Step::Asking(left.saturating_sub(1))),
            Step::Holding | Step::Asked => {}
        }
    }
}

impl Core {
    pub(crate) fn drain(&self, longest: Duration) {
        if longest.is_zero() {
            return self.stop();
        }
        if self.progress.drain() {
            self.drain.set_time(self.clock().now(), longest);
        }
    }

    /// How much longer the drain may last, if there is one; `Duration::MAX` is without a limit.
    pub(crate) fn drain_time_left(&self) -> Option<Duration> {
        let drains = self.progress.state() == ReactorState::Draining;
        let left = self.drain.time_left(self.clock().now());
        drains.then(|| left.unwrap_or(Duration::MAX))
    }

    pub(super) fn begin_drain(&self) {
        self.progress.set(ReactorState::Draining);
        self.drain.step.set(Step::Holding);
        let notice = self.drain_notice();
        let until = self.clock().now().checked_add(notice);
        self.drain.notice.set(until);
        if !notice.is_zero() {
            log::info!("the drain is told to those who ask: ports close in {notice:?}");
        }
        self.drain.draining.set(true);
        self.triggers.fire(Phase::Before, &SystemEvent::Drain);
    }

    /// How long the ports stay open. If another program has taken over, no balancer has anything to hear.
    fn drain_notice(&self) -> Duration {
        #[cfg(unix)]
        if crate::inherited::handed::are_given_away() {
            return Duration::ZERO;
        }
        self.settings.drain_notice
    }

    /// Whether the drain waits for nothing more, or for nothing in this step.
    pub(super) fn is_drain_due(&self) -> bool {
        let step_is_done = match self.drain.step.get() {
            Step::Holding => {
                let now = self.clock().now();
                !self.triggers.is_held() && self.drain.notice_left(now).is_none()
            }
            Step::Accepting(left) | Step::Asking(left) => left == 0,
            Step::Asked => self.sources.served() == 0 && !self.triggers.is_held(),
        };
        step_is_done || self.is_drain_cut_short() || self.is_drain_time_up()
    }

    fn is_drain_cut_short(&self) -> bool {
        self.progress.told() >= Told::Stop
    }

    fn is_drain_time_up(&self) -> bool {
        self.drain.time_left(self.clock().now()) == Some(Duration::ZERO)
    }

    pub(super) fn drain_further(&self) {
        if self.is_drain_cut_short() {
            return self.end_drain("the drain is cut short");
        }
        if self.is_drain_time_up() {
            self.end_drain("the time to drain is up");
            return self.triggers.fire(Phase::After, &SystemEvent::Drain);
        }
        match self.drain.step.get() {
            Step::Holding => {
                for source in self.sources.all() {
                    source.stop_listening();
                }
                self.drain.step.set(Step::Accepting(2));
            }
            Step::Accepting(_) => {
                for source in self.sources.all() {
                    source.drain();
                }
                self.drain.step.set(Step::Asking(1));
            }
            Step::Asking(_) => {
                self.drain.step.set(Step::Asked);
                self.triggers.fire(Phase::During, &SystemEvent::Drain);
            }
            Step::Asked => {
                self.end_drain("drained");
                self.triggers.fire(Phase::After, &SystemEvent::Drain);
            }
        }
    }

    /// The reactor stops: [`Core::go_on`] finds it running, and told so.
    fn end_drain(&self, how: &str) {
        match self.sources.served() {
            0 => log::info!("{how}"),
            left => log::warn!("{how}: {left} connections are closed"),
        }
        self.drain.is_over();
        self.progress.set(ReactorState::Running);
        self.progress.stop();
    }

    /// How long the next sleep may last because of the drain.
    pub(super) fn time_to_drain(&self) -> Option<Duration> {
        let now = self.clock().now();
        let end = self.drain.time_left(now);
        match self.drain.step.get() {
            Step::Holding => end.into_iter().chain(self.drain.notice_left(now)).min(),
            Step::Accepting(_) | Step::Asking(_) => Some(Duration::ZERO),
            Step::Asked => {
                let report = self.drain.report.get();
                let report = report.map(|(next, _)| next.saturating_duration_since(now));
                end.into_iter().chain(report).min()
            }
        }
    }

    /// Says how far the drain is, now and then.
    pub(super) fn report_drain(&self) {
        let now = self.clock().now();
        let due = self.drain.report.get().filter(|(next, _)| *next <= now);
        let Some((_, pause)) = due.filter(|_| matches!(self.drain.step.get(), Step::Asked)) else {
            return;
        };
        self.drain
            .report
            .set(now.checked_add(pause).map(|next| (next, pause)));
        let thread = std::thread::current();
        let place = match thread.name() {
            None | Some("main") => String::new(),
            Some(name) => format!(" ({name})"),
        };
        match (self.sources.served(), self.drain.time_left(now)) {
            (0, _) => {}
            (count, None) => log::info!("draining: {count} connections{place}"),
            (count, Some(left)) => {
                let left = left.as_millis().div_ceil(1000);
                log::info!("draining: {count} connections, {left} s left{place}");
            }
        }
    }
}
