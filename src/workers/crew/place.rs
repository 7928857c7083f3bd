use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::time::Instant;

use retwist_reactor::{Pulse, Remote};

use super::super::replacing::Record;
use super::super::watchdog::{Found, Seen};
use super::ThreadNumber;

/// A place for a worker, with the one that is in it now.
pub(super) struct Place {
    pub(super) number: usize,
    pub(super) state: State,
    pub(super) record: Record,
}

pub(super) enum State {
    /// It is being set up.
    Starting {
        thread: ThreadNumber,
        begin: Sender<()>,
        is_replaced: Arc<AtomicBool>,
    },
    /// It is ready, and serves as soon as it is told to begin.
    Serving(Serving),
    /// It is replaced then.
    Waiting(Instant),
    GivenUp,
    /// It has ended with all others, or before them.
    Over,
}

pub(super) struct Serving {
    pub(super) thread: ThreadNumber,
    pub(super) remote: Remote,
    pub(super) is_replaced: Arc<AtomicBool>,
    pulse: Option<Pulse>,
    seen: Seen,
    /// Until it was told.
    begin: Option<Sender<()>>,
}

impl Place {
    pub(super) fn new(number: usize, state: State) -> Self {
        Place {
            number,
            state,
            record: Record::default(),
        }
    }

    /// Whether this is the thread in it.
    pub(super) fn is_of(&self, thread: ThreadNumber) -> bool {
        match &self.state {
            State::Starting { thread: one, .. } => *one == thread,
            State::Serving(serving) => serving.thread == thread,
            State::Waiting(_) | State::GivenUp | State::Over => false,
        }
    }

    /// The worker that was being set up is ready.
    pub(super) fn is_ready(&mut self, thread: ThreadNumber, remote: Remote, pulse: Option<Pulse>) {
        if let State::Starting {
            begin, is_replaced, ..
        } = &self.state
        {
            self.state = State::Serving(Serving {
                thread,
                remote,
                is_replaced: is_replaced.clone(),
                pulse,
                seen: Seen::default(),
                begin: Some(begin.clone()),
            });
        }
    }

    /// What tells the worker to begin, which is done next.
    pub(super) fn begins(&mut self, now: Instant) -> Option<Sender<()>> {
        let State::Serving(serving) = &mut self.state else {
            return None;
        };
        self.record.begins(now);
        serving.begin.take()
    }

    pub(super) fn remote(&self) -> Option<(ThreadNumber, Remote)> {
        match &self.state {
            State::Serving(serving) => Some((serving.thread, serving.remote.clone())),
            _ => None,
        }
    }

    /// Whether connections are kept from it.
    pub(super) fn is_avoided(&self, avoided: bool) {
        if let State::Serving(serving) = &self.state {
            serving.remote.avoid(avoided);
        }
    }

    pub(super) fn look(&mut self) -> Found {
        match &mut self.state {
            State::Serving(serving) => match &serving.pulse {
                Some(pulse) => serving.seen.look(pulse.beat()),
                None => Found::Nothing,
            },
            _ => Found::Nothing,
        }
    }

    pub(super) fn is_serving(&self) -> bool {
        matches!(self.state, State::Serving(_))
    }

    pub(super) fn is_stuck(&self) -> bool {
        matches!(&self.state, State::Serving(serving) if serving.seen.is_stuck())
    }

    pub(super) fn is_given_up(&self) -> bool {
        matches!(self.state, State::GivenUp)
    }

    pub(super) fn is_replaced_at(&self) -> Option<Instant> {
        match self.state {
            State::Waiting(then) => Some(then),
            _ => None,
        }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.is_replaced_at().is_some_and(|then| now >= then)
    }
}
