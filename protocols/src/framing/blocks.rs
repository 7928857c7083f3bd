use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;

use retwist_reactor::TransportRef;

use crate::{Frame, FrameEncoder, FrameTransport, Framing};

/// Blocks of known sizes, each of which determines what comes next: the framing of binary protocols
/// with headers and bodies.
///
/// The receiver keeps its state, and calls [`expect`](FrameTransport::expect) with the size of what
/// follows. Without such a call the next block has the size of the present one. Sizes usually come
/// from the peer, so there is a limit: 99999 bytes by default.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{Blocks, FrameReceiver, FrameTransport, Framed};
///
/// enum State { Header, Body { kind: u8 } }
///
/// struct Messages { state: State }
///
/// impl FrameReceiver<Blocks> for Messages {
///     fn frame_received(&mut self, transport: &FrameTransport<Blocks>, block: &[u8]) {
///         self.state = match (&self.state, block) {
///             (State::Header, &[kind, high, low]) => {
///                 transport.expect(usize::from(high) << 8 | usize::from(low));
///                 State::Body { kind }
///             }
///             (State::Header, _) => return transport.lose_connection(),
///             (State::Body { kind }, body) => {
///                 println!("{kind}: {} bytes", body.len());
///                 transport.expect(3);
///                 State::Header
///             }
///         };
///     }
/// }
///
/// let protocol = Framed::new(Blocks::of(3), Messages { state: State::Header });
/// # let _ = protocol;
/// ```
#[doc(alias = "StatefulProtocol")]
#[doc(alias = "StatefulStringProtocol")]
#[derive(Debug)]
pub struct Blocks {
    /// `None` after an empty block, until the receiver says what it expects next.
    size: Cell<Option<usize>>,
    limit: usize,
}

impl Blocks {
    /// Blocks of `size` bytes, until something else is expected.
    #[doc(alias = "getInitialState")]
    pub fn of(size: usize) -> Self {
        Blocks {
            size: Cell::new(Some(size)),
            limit: 99_999,
        }
    }

    /// Accepts blocks of at most `limit` bytes.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Blocks { limit, ..self }
    }
}

impl Framing for Blocks {
    type Unit<'a> = &'a [u8];
    type Error = BlocksError;

    #[inline]
    fn decode<'a>(
        &self,
        bytes: &'a [u8],
        _seen: usize,
    ) -> Result<Option<Frame<&'a [u8]>>, BlocksError> {
        let size = self.size.get().ok_or(BlocksError::NothingExpected)?;
        if size > self.limit {
            return Err(BlocksError::TooLong { limit: self.limit });
        }
        if size == 0 {
            self.size.set(None);
        }
        Ok(bytes.get(..size).map(|unit| Frame {
            unit,
            consumed: size,
        }))
    }
}

impl<B: AsRef<[u8]>> FrameEncoder<B> for Blocks {
    type SendError = Infallible;

    /// Nothing stands around a block.
    fn send(&self, transport: &TransportRef, unit: B) -> Result<(), Infallible> {
        transport.write(unit.as_ref());
        Ok(())
    }
}

impl FrameTransport<Blocks> {
    /// The next block, and those behind it, have `size` bytes. An empty block is delivered right
    /// after the present one; call `expect` again then, since a sequence of empty blocks has no end.
    pub fn expect(&self, size: usize) {
        self.framing().size.set(Some(size));
    }
}

/// A block cannot be received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlocksError {
    /// The receiver expects a block of more than `limit` bytes, because the peer announced one.
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The receiver got an empty block and did not say what it expects next.
    NothingExpected,
}

impl fmt::Display for BlocksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BlocksError::TooLong { limit } => write!(
                f,
                "the peer announced a block of more than {limit} bytes; if such blocks are valid, raise the limit"
            ),
            BlocksError::NothingExpected => f.write_str(
                "nothing is expected behind an empty block; call FrameTransport::expect when one is received",
            ),
        }
    }
}

impl Error for BlocksError {}
