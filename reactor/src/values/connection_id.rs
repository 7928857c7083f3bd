use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of a connection: the same in its [`Debug`](fmt::Debug) form, in the lines of the log, in
/// [`ConnectionStats`](crate::ConnectionStats) and on a console.
///
/// Numbers begin at 1, grow in the order in which connections are made, and do not come again in a
/// process, whatever the number of its reactors. A connection keeps its number as protocols are switched
/// and as layers come and go. Each pipe of a child process, and each end of a
/// [`Pair`](crate::testing::Pair), is a connection of its own.
///
/// [`Transport::connection_id`](crate::Transport::connection_id) tells it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u64);

static LAST: AtomicU64 = AtomicU64::new(0);

impl ConnectionId {
    /// The number of a connection that is just being made.
    pub(crate) fn next() -> Self {
        // Only that no two are the same matters.
        ConnectionId(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// The number as such.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// A number that was read or typed: it may be that of no connection.
impl From<u64> for ConnectionId {
    fn from(number: u64) -> Self {
        ConnectionId(number)
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
