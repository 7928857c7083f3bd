use std::time::Duration;

use super::{ConnectionState, Figure, Histogram, LongestWork, PortStats, Refused};

/// The statistics of a reactor at one moment: see
/// [`ReactorHandle::stats`](crate::ReactorHandle::stats).
///
/// What only grows counts since the reactor was made, and what a connection has done counts when it has
/// ended too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// How long the reactor exists.
    pub uptime: Duration,
    /// The connections that there are now, by their state.
    pub connections: ConnectionsByState,
    /// The connections that there are now and that no port has accepted: those that this side made, and
    /// pipes and terminals.
    pub outgoing: usize,
    /// The ports that listen, and those that have stopped and can listen again.
    pub ports: Vec<PortStats>,
    /// How many connections were accepted, by all ports, without those that were refused.
    pub accepted: u64,
    /// How many were refused, by all ports, and why.
    pub refused: Refused,
    /// How many connections of any kind have begun, and not been refused.
    pub begun: u64,
    /// How many of them have ended.
    pub ended: u64,
    /// How many of those have broken: by a reset, an error, a panic, a limit, a time that was up.
    pub broken: u64,
    /// How many bytes were received, under all layers.
    pub received: u64,
    /// How many bytes the system has taken, under all layers.
    pub sent: u64,
    /// How many callbacks the protocols at the bottom of all connections were given. Those of the layers
    /// and protocols above them come out of these.
    pub callbacks: u64,
    /// The calls that wait for their time.
    pub timers: usize,
    /// How many of these calls were made.
    pub timers_called: u64,
    /// How late the timers were called that were due first in their pass: what an event may wait for the
    /// loop. The loop sleeps in whole milliseconds, so that a lag below that says nothing.
    ///
    /// It costs nothing beyond the timers, and so there is a lag only where there are timers. The
    /// consoles of `retwist::operations` have one.
    pub lag: Histogram,
    /// How long the loop works, while it is [watched](crate::ReactorHandle::watch_loop); `None` if it has
    /// never been.
    pub work: Option<LoopTimes>,
    /// What layers, libraries and the application count, by name: see [`Figures`](crate::Figures).
    pub figures: Vec<Figure>,
}

/// The working times of the loop, over all passes that were watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoopTimes {
    /// The passes, without the sleep in each.
    pub passes: Histogram,
    /// The pieces of work in them: one for each event, one for all timers of a pass, one for all turns of
    /// a pass. A callback is never longer than the piece in which it was made.
    pub pieces: Histogram,
    /// The longest of these pieces.
    pub longest: Option<LongestWork>,
}

/// How many connections are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionsByState([usize; ConnectionState::ALL.len()]);

impl ConnectionsByState {
    pub(crate) fn add(&mut self, state: ConnectionState) {
        self.0[state as usize] += 1;
    }

    /// Returns how many are in this state.
    pub fn of(&self, state: ConnectionState) -> usize {
        self.0[state as usize]
    }

    /// Returns how many there are.
    pub fn total(&self) -> usize {
        self.0.iter().sum()
    }

    /// Each state, in the order of the way to the end, and how many are in it.
    pub fn each(&self) -> impl Iterator<Item = (ConnectionState, usize)> {
        ConnectionState::ALL.into_iter().zip(self.0)
    }
}
