use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Weak;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::Core;
use super::pulse::Pulse;
use crate::{Histogram, LongestWork, LoopTimes, Work};

/// While it lives, the [loop is watched](crate::ReactorHandle::watch_loop).
#[must_use = "the watch ends when it is dropped"]
pub struct LoopWatch {
    core: Weak<Core>,
}

impl LoopWatch {
    pub(crate) fn begin(core: &Weak<Core>) -> Self {
        if let Some(core) = core.upgrade() {
            core.stopwatch.watches.set(core.stopwatch.watches.get() + 1);
            core.progress.is_watched(true);
        }
        LoopWatch { core: core.clone() }
    }
}

impl Drop for LoopWatch {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            let left = core.stopwatch.watches.get() - 1;
            core.stopwatch.watches.set(left);
            core.progress.is_watched(left > 0);
        }
    }
}

impl fmt::Debug for LoopWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoopWatch")
    }
}

/// What is around the work of a pass.
pub(super) trait Around {
    /// Sleeps, once, until something happens or the time is up.
    fn sleep(
        &self,
        poll: &mut Poll,
        events: &mut Events,
        at_most: Option<Duration>,
    ) -> io::Result<()>;
    /// The work on an event begins.
    fn event_begins(&self, token: Token);
    /// The work on an event has ended.
    fn event_done(&self, token: Token);
    /// Other work, of this kind, begins.
    fn begins(&self, work: Work);
    /// The other work of this kind has ended.
    fn done(&self, work: Work);
}

/// What is around it in the usual pass: nothing, at no cost.
pub(super) struct Plain;

impl Around for Plain {
    #[inline(always)]
    fn sleep(
        &self,
        poll: &mut Poll,
        events: &mut Events,
        at_most: Option<Duration>,
    ) -> io::Result<()> {
        poll.poll(events, at_most)
    }

    #[inline(always)]
    fn event_begins(&self, _: Token) {}

    #[inline(always)]
    fn event_done(&self, _: Token) {}

    #[inline(always)]
    fn begins(&self, _: Work) {}

    #[inline(always)]
    fn done(&self, _: Work) {}
}

/// What is around it where there is a hook, a watch, or another thread that looks on.
pub(super) struct Watched<'a>(pub(super) &'a Core);

impl Watched<'_> {
    fn work_on(&self, token: Token) -> Work {
        let id = self.0.sources.connection(token);
        id.map_or(Work::Event, Work::Connection)
    }
}

impl Around for Watched<'_> {
    fn sleep(
        &self,
        poll: &mut Poll,
        events: &mut Events,
        at_most: Option<Duration>,
    ) -> io::Result<()> {
        self.0.stopwatch.sleeps();
        self.0.with_pulse(Pulse::rests);
        let polled = self.0.sleep_hook.sleep(poll, events, at_most);
        self.0.with_pulse(Pulse::wakes);
        self.0.stopwatch.wakes();
        polled
    }

    fn event_begins(&self, token: Token) {
        self.0.with_pulse(|pulse| pulse.begins(self.work_on(token)));
    }

    fn event_done(&self, token: Token) {
        self.0.stopwatch.piece(|| self.work_on(token));
    }

    fn begins(&self, work: Work) {
        self.0.with_pulse(|pulse| pulse.begins(work));
    }

    fn done(&self, work: Work) {
        self.0.stopwatch.piece(|| work);
    }
}

/// Measures how long the loop works, while there is a watch.
///
/// A clock is read after each piece of work, so that a piece begins where the one before has ended. It
/// is not the reactor's clock, which stands still in a turn.
#[derive(Default)]
pub(super) struct Stopwatch {
    watches: Cell<usize>,
    /// When the loop woke up; `None` before it has done so under a watch.
    woke: Cell<Option<Instant>>,
    /// When the piece that is being made began.
    began: Cell<Option<Instant>>,
    passes: RefCell<Histogram>,
    pieces: RefCell<Histogram>,
    longest: Cell<Option<LongestWork>>,
}

impl Stopwatch {
    /// `None` if nothing was ever measured.
    pub(super) fn times(&self) -> Option<LoopTimes> {
        let passes = self.passes.borrow();
        (passes.count() > 0 || self.watches.get() > 0).then(|| LoopTimes {
            passes: passes.clone(),
            pieces: self.pieces.borrow().clone(),
            longest: self.longest.get(),
        })
    }

    /// A piece has ended.
    fn piece(&self, work: impl FnOnce() -> Work) {
        if self.watches.get() == 0 {
            return;
        }
        let now = Instant::now();
        let Some(began) = self.began.replace(Some(now)) else {
            return;
        };
        let time = now.saturating_duration_since(began);
        self.pieces.borrow_mut().record(time);
        let longest = self
            .longest
            .get()
            .map_or(Duration::ZERO, |longest| longest.time);
        if time > longest {
            self.longest.set(Some(LongestWork::new(time, work(), now)));
        }
    }

    fn sleeps(&self) {
        self.began.set(None);
        if let Some(woke) = self.woke.take() {
            self.passes.borrow_mut().record(woke.elapsed());
        }
    }

    fn wakes(&self) {
        if self.watches.get() > 0 {
            let now = Some(Instant::now());
            self.woke.set(now);
            self.began.set(now);
        }
    }
}
