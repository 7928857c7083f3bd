use std::cell::Cell;
use std::fmt;

use bitflags::bitflags;

/// How far TLS has come, one at a time. The requests of the protocol above and the facts from below
/// move it on:
///
/// ```text
///                     completed   close               leave               fail      ended
/// Handshaking(Stay)   Open        Handshaking(Close)  Handshaking(Leave)  Failing   Over
/// Handshaking(Leave)  Leaving     Handshaking(Close)  -                   Failing   Over
/// Handshaking(Close)  Closing     -                   refused             Failing   Over
/// Open                            Closing             Leaving             Failing   Over
/// Leaving                         Closing             -                   Failing   Over
/// Closing                         -                   refused             Failing   Over
/// Failing                         -                   refused             -         Over
/// Over                            -                   refused             -         -
/// ```
///
/// What is due in each phase happens in a flush:
/// - `Open`: what was written is sealed; after a half-close, close_notify follows.
/// - `Closing`: what was written, close_notify once no producer is left, then a close below.
/// - `Leaving`: what was written, close_notify; once the peer's is here as well, the protocol above
///   goes to the transport below.
/// - `Failing`: what was written, and then the transport below fails, without close_notify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The two sides do not know each other yet. What is written waits.
    Handshaking(Then),
    Open,
    /// The protocol above has closed.
    Closing,
    /// The protocol above has asked to go on without TLS.
    Leaving,
    /// The protocol above ends the connection uncleanly.
    Failing,
    /// Nothing is left to do here: closed below, failed, aborted, lost or left.
    Over,
}

/// What the protocol above has asked for while the handshake runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Stay,
    Close,
    Leave,
}

bitflags! {
    /// What is independent of the phase, and of each other.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Facts: u8 {
        /// The protocol above has closed its write half.
        const HALF_CLOSE = 1 << 0;
        /// That has not been handed to the system yet. The protocol above hears of it then.
        const HALF_CLOSE_PENDING = 1 << 1;
        /// Our close_notify is sent.
        const NOTIFIED = 1 << 2;
        /// The peer's close_notify is here.
        const PEER_CLOSED = 1 << 3;
        /// The producer has finished. The transport below hears of it behind our close_notify.
        const PRODUCER_FINISHED = 1 << 4;
        /// A peer that goes on in clear, without close_notify, ends TLS too.
        const CLEAR_ENDS = 1 << 5;
        /// The protocol above has asked for new keys.
        const UPDATE_KEYS = 1 << 6;
        /// The protocol above is held back until its queue is sealed.
        const HOLDS = 1 << 7;
    }
}

/// The phase and the facts.
pub(crate) struct State {
    phase: Cell<Phase>,
    facts: Cell<Facts>,
}

impl State {
    pub(crate) fn new() -> Self {
        State {
            phase: Cell::new(Phase::Handshaking(Then::Stay)),
            facts: Cell::new(Facts::empty()),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.get()
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        matches!(self.phase.get(), Phase::Handshaking(_))
    }

    pub(crate) fn is_over(&self) -> bool {
        self.phase.get() == Phase::Over
    }

    /// Whether the protocol above has closed the connection or its write half, after the handshake.
    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.phase.get(), Phase::Closing | Phase::Over) || self.is(Facts::HALF_CLOSE)
    }

    /// Whether TLS is open and nothing else is going on.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.phase.get() == Phase::Open && self.facts.get().is_empty()
    }

    /// Whether a flush has nothing to do but to seal what was written.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        let asked = matches!(
            self.phase.get(),
            Phase::Closing | Phase::Leaving | Phase::Failing | Phase::Handshaking(Then::Close)
        );
        !asked && !self.is(Facts::HALF_CLOSE | Facts::UPDATE_KEYS)
    }

    /// The handshake is over.
    pub(crate) fn complete(&self) {
        self.phase.set(match self.phase.get() {
            Phase::Handshaking(Then::Stay) => Phase::Open,
            Phase::Handshaking(Then::Close) => Phase::Closing,
            Phase::Handshaking(Then::Leave) => Phase::Leaving,
            other => other,
        });
    }

    /// The protocol above closes.
    pub(crate) fn close(&self) {
        self.phase.set(match self.phase.get() {
            Phase::Handshaking(_) => Phase::Handshaking(Then::Close),
            Phase::Open | Phase::Leaving => Phase::Closing,
            other => other,
        });
    }

    /// The protocol above leaves TLS. Returns false if it is too late for that.
    pub(crate) fn leave(&self) -> bool {
        self.phase.set(match self.phase.get() {
            Phase::Handshaking(Then::Stay | Then::Leave) => Phase::Handshaking(Then::Leave),
            Phase::Open | Phase::Leaving => Phase::Leaving,
            _ => return false,
        });
        true
    }

    /// The protocol above ends the connection uncleanly.
    pub(crate) fn fail(&self) {
        if !self.is_over() {
            self.phase.set(Phase::Failing);
        }
    }

    /// Nothing is left to do here.
    pub(crate) fn end(&self) {
        self.phase.set(Phase::Over);
    }

    /// Whether one of `any` is a fact.
    #[inline]
    pub(crate) fn is(&self, any: Facts) -> bool {
        self.facts.get().intersects(any)
    }

    pub(crate) fn set(&self, facts: Facts) {
        self.facts.set(self.facts.get() | facts);
    }

    pub(crate) fn clear(&self, facts: Facts) {
        self.facts.set(self.facts.get() - facts);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}", self.phase.get(), self.facts.get())
    }
}
