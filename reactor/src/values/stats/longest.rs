use std::fmt;
use std::time::{Duration, Instant};

use crate::ConnectionId;

/// The work of the loop that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Work {
    /// What has happened on a connection: its bytes, its end.
    Connection(ConnectionId),
    /// What has happened on anything else that the system reports on: a port, a child process, a
    /// connection that has ended meanwhile.
    Event,
    /// The timers that were due, and the calls from other threads, of one pass.
    Timers,
    /// The turns that connections asked for, and the calls made with
    /// [`call_soon`](crate::Clock::call_soon), of one pass.
    Turns,
    /// The startup, the drain or the end of the reactor, with the triggers of each.
    Lifecycle,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Work::Connection(id) => write!(f, "connection {id}"),
            Work::Event => f.write_str("an event"),
            Work::Timers => f.write_str("timers and calls from threads"),
            Work::Turns => f.write_str("turns and calls made soon"),
            Work::Lifecycle => f.write_str("the startup, the drain or the end of the reactor"),
        }
    }
}

/// The longest piece of work since the loop is [watched](crate::ReactorHandle::watch_loop).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LongestWork {
    /// How long it took.
    pub time: Duration,
    /// What it was.
    pub work: Work,
    /// When it had ended.
    pub at: Instant,
}

impl LongestWork {
    pub(crate) fn new(time: Duration, work: Work, at: Instant) -> Self {
        LongestWork { time, work, at }
    }
}
