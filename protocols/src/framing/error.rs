use std::error::Error;
use std::fmt;
use std::time::Duration;

/// A unit was not sent, because the framing cannot express its length.
#[doc(alias = "StringTooLongError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringTooLong {
    /// The length of the unit, in bytes.
    pub length: usize,
    /// The greatest length that can be sent, in bytes.
    pub limit: usize,
}

impl fmt::Display for StringTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} bytes are too long for this framing, which can send {}; split them, or use a longer length prefix",
            self.length, self.limit
        )
    }
}

impl Error for StringTooLong {}

/// The peer announced or began a unit that is longer than the limit of the framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthLimitExceeded {
    /// The limit, in bytes.
    pub limit: usize,
}

impl fmt::Display for LengthLimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the peer sent a unit of more than {} bytes; if such units are valid, raise the limit of the framing",
            self.limit
        )
    }
}

impl Error for LengthLimitExceeded {}

/// The peer ended its input in the middle of a unit: see
/// [`FrameReceiver::frame_incomplete`](crate::FrameReceiver::frame_incomplete).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnfinishedFrame {
    /// How many bytes of the unit had arrived.
    pub received: usize,
}

impl fmt::Display for UnfinishedFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the peer ended its input in the middle of a line or message, of which {} bytes had arrived",
            self.received
        )
    }
}

impl Error for UnfinishedFrame {}

/// A unit was not complete after this time: see [`Framed::frame_timeout`](crate::Framed::frame_timeout).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameTimedOut(pub Duration);

impl fmt::Display for FrameTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the peer did not complete a unit within {} s; if units may take longer, raise the limit",
            self.0.as_secs_f64()
        )
    }
}

impl Error for FrameTimedOut {}
