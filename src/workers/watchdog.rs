use std::time::{Duration, Instant};

use retwist_reactor::{Beat, Work};

/// What happens to a worker whose loop does not turn: the second argument of
/// [`Workers::watchdog`](super::Workers::watchdog).
///
/// No program can end a thread that hangs. So the choice is what to do without that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenStuck {
    /// The log says so, and says when it turns again. Its connections wait, and so do those that the
    /// system gives to it.
    Report,
    /// It is replaced, by the rules of [`Replacing`](super::Replacing): a new worker is set up beside it,
    /// and takes over what waits in the queues of its ports. The connections that it has count as lost, and
    /// the memory of its thread stays in use.
    ///
    /// If it comes back, it ends in order: its connections are asked to end. If it has not come back when
    /// all others have ended, the process exits with code 1.
    Replace,
    /// The process ends at once, by [`abort`](std::process::abort): the service manager starts it again
    /// (`Restart=on-failure` for systemd), and a core dump shows where the thread hangs. All connections
    /// are lost.
    Abort,
}

/// How often the supervisor looks in the time after which a loop is said to be stuck.
const LOOKS: u32 = 2;

/// When to look at the loops, and when one of them is stuck.
///
/// What is evil here is time that passes for one and not for the other: a machine that was suspended, a
/// process that was stopped, a supervisor that got no core. The clock has moved on then, and the loops
/// have not had the chance. So a look counts, and not the clock: a loop is stuck if it is found in the
/// same pass again and again, and between two looks there is always half the period.
#[derive(Clone, Copy)]
pub(super) struct Watchdog {
    pub(super) period: Duration,
    pub(super) when_stuck: WhenStuck,
    next: Instant,
}

impl Watchdog {
    pub(super) fn new(period: Duration, when_stuck: WhenStuck, now: Instant) -> Self {
        Watchdog {
            period,
            when_stuck,
            next: later(now, period),
        }
    }

    /// When to look again.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Whether it is time to look, which this then counts as done.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let due = now >= self.next;
        if due {
            self.next = later(now, self.period);
        }
        due
    }
}

fn later(now: Instant, period: Duration) -> Instant {
    let pause = (period / LOOKS).max(Duration::from_millis(1));
    // Longer than any machine runs.
    now.checked_add(pause)
        .unwrap_or_else(|| now + Duration::from_secs(86_400))
}

/// What a look at a loop has shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It turns, or nothing has changed since it was found to be stuck.
    Nothing,
    /// For the whole period, it has not turned.
    Stuck(Work),
    /// It was stuck, and turns again.
    Back,
}

/// What was seen of one loop.
#[derive(Default)]
pub(super) struct Seen {
    pass: Option<u64>,
    looks: u32,
}

impl Seen {
    pub(super) fn look(&mut self, beat: Option<Beat>) -> Found {
        let pass = beat.map(|beat| beat.pass);
        let was_stuck = self.is_stuck();
        if pass.is_none() || pass != self.pass {
            *self = Seen { pass, looks: 0 };
            return if was_stuck {
                Found::Back
            } else {
                Found::Nothing
            };
        }
        self.looks = self.looks.saturating_add(1);
        match beat {
            Some(beat) if self.looks == LOOKS => Found::Stuck(beat.work),
            _ => Found::Nothing,
        }
    }

    pub(super) fn is_stuck(&self) -> bool {
        self.looks >= LOOKS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use retwist_reactor::Reactor;

    #[test]
    fn looks_come_twice_a_period_and_do_not_pile_up() {
        let (second, begun) = (Duration::from_secs(1), Instant::now());
        let mut watchdog = Watchdog::new(2 * second, WhenStuck::Report, begun);
        assert!(!watchdog.is_due(begun));
        assert!(watchdog.is_due(begun + second));
        assert!(!watchdog.is_due(begun + second));
        // The machine was suspended for an hour.
        let woken = begun + 3600 * second;
        assert!(watchdog.is_due(woken));
        assert!(!watchdog.is_due(woken));
        assert_eq!(watchdog.next(), woken + second);
    }

    #[test]
    fn periods_of_any_length_are_no_panic() {
        for period in [Duration::ZERO, Duration::MAX] {
            let now = Instant::now();
            let mut watchdog = Watchdog::new(period, WhenStuck::Report, now);
            assert!(watchdog.next() > now);
            assert!(!watchdog.is_due(now));
        }
    }

    /// A loop that is looked at from inside one of its passes.
    #[test]
    fn a_loop_in_the_same_pass_for_a_period_is_stuck_until_it_turns() {
        let reactor = Reactor::new().unwrap();
        let pulse = reactor.pulse();
        let mut seen = Seen::default();
        assert_eq!(seen.look(pulse.beat()), Found::Nothing);

        let (sender, inside) = std::sync::mpsc::channel();
        let within = pulse.clone();
        reactor.call_later(Duration::ZERO, move || {
            (0..6).for_each(|_| sender.send(within.beat()).unwrap());
        });
        reactor.iterate(Duration::ZERO).unwrap();
        let found: Vec<_> = inside.iter().map(|beat| seen.look(beat)).collect();
        assert_eq!(found[..2], [Found::Nothing, Found::Nothing]);
        assert_eq!(found[2], Found::Stuck(Work::Timers));
        assert!(found[3..].iter().all(|found| *found == Found::Nothing));
        assert!(seen.is_stuck());
        assert_eq!(seen.look(pulse.beat()), Found::Back);
        assert_eq!(seen.look(pulse.beat()), Found::Nothing);
        assert!(!seen.is_stuck());
    }
}
