use std::error::Error;
use std::fmt;
use std::ops::Range;

use retwist_reactor::TransportRef;

/// How a stream of bytes is cut into units: all that one's own framing has to say.
///
/// A framing is a description and keeps no bytes: the units that are not whole yet, and all that
/// happens between two units (pause, close, switch), are the affair of [`Framed`](crate::Framed),
/// which asks it. What is delivered comes from the peer, so never trust a length that it names:
/// have a limit, and fail before a byte of an over-long unit is waited for.
///
/// The whole of a framing in which a byte of type and a byte of length stand before each unit:
///
/// ```
/// use std::convert::Infallible;
/// use retwist_protocols::{Frame, FrameReceiver, FrameTransport, Framed, Framing, StringTooLong};
/// use retwist_reactor::TransportRef;
///
/// struct Typed;
///
/// impl Framing for Typed {
///     type Error = Infallible; // any byte is a valid length, and 255 is limit enough
///
///     fn find(&self, bytes: &[u8], _seen: usize) -> Result<Option<Frame>, Infallible> {
///         let &[_, length, ..] = bytes else { return Ok(None) };
///         let end = 2 + usize::from(length);
///         Ok((bytes.len() >= end).then_some(Frame { unit: 0..end, used: end }))
///     }
///
///     fn send(&self, transport: &TransportRef, unit: &[u8]) -> Result<(), StringTooLong> {
///         transport.write(unit);
///         Ok(())
///     }
/// }
///
/// struct Ping;
///
/// impl FrameReceiver<Typed> for Ping {
///     fn frame_received(&mut self, transport: &FrameTransport<Typed>, frame: &[u8]) {
///         if frame == [8, 4, b'p', b'i', b'n', b'g'] {
///             transport.write(&[9, 4, b'p', b'o', b'n', b'g']);
///         }
///     }
/// }
///
/// let factory = retwist_reactor::factory(|_| Framed::new(Typed, Ping));
/// # fn is_factory(_: impl retwist_reactor::Factory) {}
/// # is_factory(factory);
/// ```
pub trait Framing: 'static {
    /// What the peer can do wrong. It ends the conversation, and becomes the reason for its loss.
    type Error: Error + Send + Sync + 'static;

    /// Looks for the unit that `bytes` begins with: none if it is not whole yet. `bytes` may be
    /// empty.
    ///
    /// The first `seen` bytes were there already when this was last asked and answered none, so
    /// that a search need not begin anew for each byte that dribbles in. The answer must not depend
    /// on it.
    fn find(&self, bytes: &[u8], seen: usize) -> Result<Option<Frame>, Self::Error>;

    /// Writes `unit` and whatever belongs around it. On an error nothing has been written.
    fn send(&self, transport: &TransportRef, unit: &[u8]) -> Result<(), StringTooLong>;
}

/// A unit that [`Framing::find`] has found in the bytes that it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Where the unit is, without what stands around it.
    pub unit: Range<usize>,
    /// How many bytes it takes with all that stands around it: where the next one begins. 0 is
    /// allowed for an empty unit of a framing that then looks for something else.
    pub used: usize,
}

/// A unit was not sent: its length cannot be expressed in this framing.
#[doc(alias = "StringTooLongError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringTooLong {
    /// Its length in bytes.
    pub length: usize,
    /// The greatest length that can be sent.
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

/// The peer announced or began a unit that is longer than this side takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LengthLimitExceeded {
    /// The greatest length that is taken, in bytes.
    pub limit: usize,
}

impl fmt::Display for LengthLimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the peer sent a unit of more than {} bytes; raise the limit of the framing if it was right to do so",
            self.limit
        )
    }
}

impl Error for LengthLimitExceeded {}
