use std::cell::Cell;

use retwist_reactor::TransportRef;

use crate::{Frame, FrameTransport, Framing, LengthLimitExceeded, StringTooLong};

/// Records of known sizes, each of which says what comes next: the framing of binary protocols with
/// headers and bodies.
///
/// The receiver keeps its state, and [`expect`](FrameTransport::expect)s the size of what follows;
/// without that, the next record has the size of this one. What it expects comes from the peer,
/// often, so there is a limit: 99999 bytes unless said otherwise.
///
/// ```
/// use retwist_protocols::{FrameReceiver, FrameTransport, Framed, Records};
///
/// enum State { Header, Body { kind: u8 } }
///
/// struct Messages { state: State }
///
/// impl FrameReceiver<Records> for Messages {
///     fn frame_received(&mut self, transport: &FrameTransport<Records>, record: &[u8]) {
///         self.state = match (&self.state, record) {
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
/// let protocol = Framed::new(Records::of(3), Messages { state: State::Header });
/// # let _ = protocol;
/// ```
#[doc(alias = "StatefulProtocol")]
#[doc(alias = "StatefulStringProtocol")]
#[derive(Debug)]
pub struct Records {
    size: Cell<usize>,
    limit: usize,
}

impl Records {
    /// Records of `size` bytes, until something else is expected.
    #[doc(alias = "getInitialState")]
    pub fn of(size: usize) -> Self {
        Records {
            size: Cell::new(size),
            limit: 99_999,
        }
    }

    /// Takes records of up to `limit` bytes.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Records { limit, ..self }
    }
}

impl Framing for Records {
    type Error = LengthLimitExceeded;

    #[inline]
    fn find(&self, bytes: &[u8], _seen: usize) -> Result<Option<Frame>, LengthLimitExceeded> {
        let size = self.size.get();
        if size > self.limit {
            return Err(LengthLimitExceeded { limit: self.limit });
        }
        Ok((bytes.len() >= size).then_some(Frame {
            unit: 0..size,
            used: size,
        }))
    }

    /// Records have nothing around them.
    fn send(&self, transport: &TransportRef, unit: &[u8]) -> Result<(), StringTooLong> {
        transport.write(unit);
        Ok(())
    }
}

impl FrameTransport<Records> {
    /// The next record, and those behind it, have `size` bytes. A record of 0 bytes is delivered
    /// right after the present one; expect something else then.
    pub fn expect(&self, size: usize) {
        self.framing().size.set(size);
    }
}
