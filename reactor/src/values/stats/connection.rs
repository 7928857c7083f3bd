use std::fmt;
use std::time::Duration;

use crate::{Address, ConnectionId};

/// The state of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionState {
    /// Both directions are open.
    Open,
    /// Its protocol writes no more, and reads on.
    HalfClosed,
    /// It is closed once all is sent.
    Closing,
    /// All is sent, and it waits for its peer to close too.
    Lingering,
    /// It is reset once all is sent and acknowledged.
    Failing,
    /// It has broken, and what the peer said before that is still read.
    Broken,
}

impl ConnectionState {
    /// All of them, in the order of the way to the end.
    pub const ALL: [ConnectionState; 6] = [
        ConnectionState::Open,
        ConnectionState::HalfClosed,
        ConnectionState::Closing,
        ConnectionState::Lingering,
        ConnectionState::Failing,
        ConnectionState::Broken,
    ];

    /// Returns the name of the state, in one word, as a console and a metric show it.
    pub fn name(self) -> &'static str {
        match self {
            ConnectionState::Open => "open",
            ConnectionState::HalfClosed => "half-closed",
            ConnectionState::Closing => "closing",
            ConnectionState::Lingering => "lingering",
            ConnectionState::Failing => "failing",
            ConnectionState::Broken => "broken",
        }
    }
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One connection, as it is at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionStats {
    /// Its number.
    pub id: ConnectionId,
    /// Where the other end is.
    pub peer: Address,
    /// The port that has accepted it; `None` for one that this side made.
    pub port: Option<Address>,
    /// Its state.
    pub state: ConnectionState,
    /// For how long it has been connected, in whole seconds.
    pub age: Duration,
    /// How many bytes were received, under all layers.
    pub received: u64,
    /// How many bytes the system has taken, under all layers.
    pub sent: u64,
    /// How many times bytes were delivered to the protocol, or layer, at the bottom.
    pub deliveries: u64,
    /// How many bytes wait for the system to take them, under all layers.
    pub buffered: usize,
    /// Whether it is not read now, because its protocol wants no bytes or its peer takes none.
    pub paused: bool,
}
