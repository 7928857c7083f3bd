use bitflags::bitflags;

bitflags! {
    /// Independent facts about a stream. [`Phase`] has what excludes itself.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Facts: u16 {
        /// There may be something to read.
        const READABLE = 1 << 0;
        /// A send is worth trying.
        const WRITABLE = 1 << 1;
        /// The peer has closed or the connection has broken: a short read is not the last.
        const HUNG_UP = 1 << 2;
        /// The peer sends no more.
        const INPUT_ENDED = 1 << 3;
        /// Too much is pending for the peer, so it is not read.
        const READ_BACKPRESSURE = 1 << 4;
        /// The reactor ends and nothing is under way: the close does not wait for the peer's.
        const SKIP_LINGER = 1 << 5;
        /// The stream has asked for a visit in the next pass.
        const REVISIT = 1 << 6;
        /// A producer is registered.
        const PRODUCER = 1 << 7;
        /// The stream's own output is not empty.
        const QUEUED = 1 << 8;
        /// What is written goes into the shared output of the reactor, unless something is
        /// `QUEUED` before it.
        const USES_SHARED_BUFFER = 1 << 9;
        /// A call waits until what was written before it is sent.
        const WHEN_SENT = 1 << 10;
        /// The phase is not [`Phase::Open`].
        const ENDING = 1 << 11;
        /// Only of what a wire is ready for: the connection has broken.
        const FAULT = 1 << 12;
        /// The peer has closed both halves, and takes nothing more. A UNIX socket tells so, and TCP
        /// only by a reset.
        const GONE = 1 << 13;

        /// The peer takes nothing more, and the protocol has not heard so.
        const GONE_UNTOLD = 1 << 14;
        /// The protocol has heard that its output has ended.
        const OUTPUT_END_TOLD = 1 << 15;

        /// With none of these, a turn is a read, a callback and a send.
        const UNUSUAL = Self::INPUT_ENDED.bits()
            | Self::PRODUCER.bits()
            | Self::WHEN_SENT.bits()
            | Self::ENDING.bits();
        /// What a connection looks like that was read a moment ago and runs its callback.
        const USUAL = Self::WRITABLE.bits() | Self::USES_SHARED_BUFFER.bits();
    }
}

/// How far a stream is on its way to the end. The table is in the comment on
/// [`Stream`](super::Stream).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// The write half is to be closed once all is sent.
    ClosingWrite,
    /// The write half is closed; the peer is still read.
    WriteClosed,
    /// Both halves are to be closed once all is sent.
    Closing,
    /// Our end is told. What the peer still sends is thrown away, until it has acknowledged all and
    /// closed too.
    Lingering,
    /// The connection is to be reset once all is sent.
    Failing,
    /// It is to be reset once the peer has acknowledged all.
    Acknowledging,
    /// A send has failed. What the peer said before that is still read.
    Broken,
    /// The wire is closed; the producer and the protocol have yet to hear of it.
    Dead,
    /// The producer has heard of it, and the seat.
    TornDown,
    /// The owner, too, has heard of it.
    Reported,
}

impl Phase {
    /// Whether what is written now is taken.
    pub(super) fn takes_output(self) -> bool {
        matches!(self, Phase::Open | Phase::ClosingWrite | Phase::Closing)
    }

    /// Whether what the peer sends is of interest to the protocol.
    pub(super) fn delivers(self) -> bool {
        matches!(
            self,
            Phase::Open | Phase::ClosingWrite | Phase::WriteClosed | Phase::Broken
        )
    }

    /// Whether the wire is closed.
    pub(super) fn is_dead(self) -> bool {
        matches!(self, Phase::Dead | Phase::TornDown | Phase::Reported)
    }
}
