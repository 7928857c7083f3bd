use std::fmt;

/// What a kind of transport does by its nature. It does everything, unless it says that it does not.
///
/// ```
/// use retwist_conformance::streams::{Ability, Facts};
///
/// // A socket that has no reset.
/// let facts = Facts::new(8_000_000).without(Ability::ShowBreak);
/// assert!(facts.can(Ability::HalfClose) && !facts.can(Ability::ShowBreak));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    much: usize,
    /// A bit for each [`Ability`] that is missing.
    missing: u32,
}

impl Facts {
    /// A kind that does everything. `much` is a number of bytes: more than the two ends and the
    /// buffers between them take if neither side reads. Cases write as much to fill a connection.
    pub const fn new(much: usize) -> Self {
        Facts { much, missing: 0 }
    }

    /// It does not do this. Cases that are about it are left out, with a line on the error output,
    /// and the others do without.
    #[must_use]
    pub const fn without(mut self, ability: Ability) -> Self {
        self.missing |= 1 << ability as u32;
        self
    }

    /// It does this all the same: a layer brings what the transport below lacks.
    #[must_use]
    pub const fn with(mut self, ability: Ability) -> Self {
        self.missing &= !(1 << ability as u32);
        self
    }

    /// More bytes than the connection takes if neither side reads.
    pub const fn much(self) -> usize {
        self.much
    }

    /// Whether it does this.
    pub const fn can(self, ability: Ability) -> bool {
        self.missing & 1 << ability as u32 == 0
    }
}

/// What most kinds of transport do, and some cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ability {
    /// A side sees that the other one broke off: its end is not clean. A UNIX socket and a pipe have
    /// no reset: there, an abort looks like a close.
    ShowBreak,
    /// A side that is paused hears at once that the other one broke off, and not when it reads again.
    BreakAPause,
    /// A side closes its write half and reads on; the other one hears the end of input and writes on.
    /// A pseudo-terminal has one line for both.
    HalfClose,
    /// [`unacknowledged`](retwist_reactor::Transport::unacknowledged) counts what the system of the
    /// other side holds and its protocol has not read.
    CountUnread,
    /// Both ends have an address, and each knows that of the other. Pipes have none.
    NameEnds,
    /// [`StreamOptions`](retwist_reactor::StreamOptions) change the bounds of a live connection: the
    /// bottom is a stream of the reactor.
    ChangeSettings,
    /// Time passes when [`pass`](super::Way::pass) says so, and at no other moment. Cases that let
    /// hours pass need it.
    MoveTime,
}

/// The end of "a kind that cannot …".
impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ability::ShowBreak => "show that the peer broke off",
            Ability::BreakAPause => "tell a paused side that the peer broke off",
            Ability::HalfClose => "close one half",
            Ability::CountUnread => "count what the peer has not read",
            Ability::NameEnds => "name both ends",
            Ability::ChangeSettings => "change the settings of a live connection",
            Ability::MoveTime => "move time by hand",
        })
    }
}
