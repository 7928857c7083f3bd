use std::cell::Cell;
use std::fmt;

use bitflags::bitflags;

/// How far the connection of a seat has come. One at a time; only [`Phase::opened`] and its like
/// change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Phase {
    /// Established, and closed by no side that the seat knows of.
    Open = 0,
    /// Not established yet: the occupant hears nothing but the loss.
    Unopened = 1,
    /// The occupant has closed before the connection was established.
    Withdrawn = 2,
    /// The occupant, or its panic, has closed: bytes that come are thrown away.
    Closing = 3,
    /// The channel has said that the connection has ended; `connection_lost` is due.
    Lost = 4,
    /// `connection_lost` has been made. Nothing follows.
    Over = 5,
}

impl Phase {
    /// The channel says that the connection is established.
    pub(super) fn opened(self) -> Phase {
        match self {
            Phase::Unopened => Phase::Open,
            Phase::Withdrawn => Phase::Closing,
            other => other,
        }
    }

    /// The occupant closes.
    pub(super) fn closed(self) -> Phase {
        match self {
            Phase::Open => Phase::Closing,
            Phase::Unopened => Phase::Withdrawn,
            other => other,
        }
    }

    const fn of(bits: u32) -> Phase {
        match bits & PHASE {
            0 => Phase::Open,
            1 => Phase::Unopened,
            2 => Phase::Withdrawn,
            3 => Phase::Closing,
            4 => Phase::Lost,
            _ => Phase::Over,
        }
    }
}

bitflags! {
    /// What is independent of the phase, and of each other.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Facts: u32 {
        /// The occupant has not heard yet that it sits here.
        const ANNOUNCE = 1 << 3;
        /// `handshake_completed` is due.
        const HANDSHAKE = 1 << 4;
        /// What is in `unread` may be delivered without waiting for more.
        const REDELIVER = 1 << 5;
        /// `shutting_down` is due.
        const SHUT_DOWN = 1 << 6;
        /// `read_connection_lost` is due.
        const END_OF_INPUT = 1 << 7;
        /// `write_connection_lost` is due.
        const END_OF_OUTPUT = 1 << 8;
        /// The occupant reads no more for now.
        const PAUSED = 1 << 9;
        /// The occupant has closed its write half.
        const WRITE_CLOSING = 1 << 10;
        /// A callback is running.
        const CALLING = 1 << 11;
        /// The occupant that is being called has been switched out.
        const SUCCEEDED = 1 << 12;
        /// There is something in `unread`.
        const UNREAD = 1 << 13;
        /// A turn has been asked for.
        const TURN_REQUESTED = 1 << 14;
        /// A flush has been asked for.
        const FLUSH_REQUESTED = 1 << 15;
        /// The peer has ended its side: an occupant that is switched in hears of it too.
        const INPUT_ENDED = 1 << 16;
        /// The reactor stops or drains: an occupant that is switched in hears of it too.
        const STOPPING = 1 << 17;
        /// So much waits to be sent that the occupant is to get nothing for now.
        const HELD = 1 << 18;
    }
}

/// The bits in which the phase is.
const PHASE: u32 = 0b111;

impl Facts {
    /// Any of these, and a callback may be due.
    pub(super) const DUE: Facts = Facts::ANNOUNCE
        .union(Facts::HANDSHAKE)
        .union(Facts::REDELIVER)
        .union(Facts::SHUT_DOWN)
        .union(Facts::END_OF_INPUT)
        .union(Facts::END_OF_OUTPUT);
    /// Any of these, and bytes that come may not go straight to the occupant.
    const BLOCK_FAST_PATH: Facts = Facts::ANNOUNCE
        .union(Facts::HANDSHAKE)
        .union(Facts::PAUSED)
        .union(Facts::HELD)
        .union(Facts::CALLING)
        .union(Facts::UNREAD);
}

/// The phase and the facts in one word, so that the callback that changes nothing, which is nearly
/// every one, is told from all others by one comparison.
pub(super) struct State(Cell<u32>);

impl State {
    pub(super) fn new() -> Self {
        State(Cell::new(Phase::Unopened as u32 | Facts::ANNOUNCE.bits()))
    }

    #[inline]
    pub(super) fn phase(&self) -> Phase {
        Phase::of(self.0.get())
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.0.set(self.0.get() & !PHASE | phase as u32);
    }

    /// Whether there are bytes that can be delivered without waiting for more.
    pub(super) fn owes_bytes(&self) -> bool {
        self.facts().contains(Facts::UNREAD | Facts::REDELIVER)
    }

    #[inline]
    pub(super) fn is(&self, any: Facts) -> bool {
        self.0.get() & any.bits() != 0
    }

    #[inline]
    pub(super) fn set(&self, facts: Facts) {
        self.0.set(self.0.get() | facts.bits());
    }

    #[inline]
    pub(super) fn clear(&self, facts: Facts) {
        self.0.set(self.0.get() & !facts.bits());
    }

    pub(super) fn facts(&self) -> Facts {
        Facts::from_bits_truncate(self.0.get())
    }

    /// Whether bytes may go straight to the occupant: it is open, and nothing is due before them.
    #[inline]
    pub(super) fn takes_fast_path(&self) -> bool {
        self.0.get() & (PHASE | Facts::BLOCK_FAST_PATH.bits()) == 0
    }

    /// Whether a callback may be due: something may have to be told.
    #[inline]
    pub(super) fn may_be_due(&self) -> bool {
        self.is(Facts::DUE) || self.phase() == Phase::Lost
    }

    /// The callback has returned. True if it was made on an open connection and has changed nothing
    /// here: then there is nothing to look at.
    #[inline]
    pub(super) fn end_quiet_call(&self) -> bool {
        let quiet = self.0.get() == Phase::Open as u32 | Facts::CALLING.bits();
        if quiet {
            self.0.set(Phase::Open as u32);
        }
        quiet
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}", self.phase(), self.facts())
    }
}
