use std::cell::RefCell;
use std::error::Error;
use std::fmt;

use bytes::BytesMut;
use retwist_reactor::TransportRef;
use tokio_util::codec::{Decoder, Encoder};

use crate::{Frame, FrameEncoder, Framing, LengthLimitExceeded};

/// A framing made of a [`Decoder`] and [`Encoder`] of `tokio_util`: formats that exist as such need
/// no second implementation. Needs the feature `tokio-codec`; no runtime comes with it.
///
/// A unit is an [`Item`](Decoder::Item) of the decoder, and
/// [`send`](crate::FrameTransport::send) takes every item for which there is an encoder. When the
/// input ends, [`decode_eof`](Decoder::decode_eof) is asked for the last units.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{Codec, FrameReceiver, FrameTransport, Framed};
/// use tokio_util::codec::LinesCodec;
///
/// struct Greeter;
///
/// impl FrameReceiver<Codec<LinesCodec>> for Greeter {
///     fn frame_received(&mut self, transport: &FrameTransport<Codec<LinesCodec>>, name: String) {
///         if let Err(error) = transport.send(format!("hello {name}")) {
///             eprintln!("{error}");
///         }
///     }
/// }
///
/// let protocol = Framed::new(Codec::new(LinesCodec::new_with_max_length(100)), Greeter);
/// # use retwist::testing::RecordingTransport;
/// # let recording = RecordingTransport::connect(protocol);
/// # recording.receive(b"Ada\nGra");
/// # recording.receive(b"ce\n");
/// # assert_eq!(recording.written(), b"hello Ada\nhello Grace\n");
/// ```
///
/// A decoder can take bytes without returning an item, and then expects what follows them. So change
/// to raw mode, or switch to another protocol, in `frame_received`, between two units.
pub struct Codec<C> {
    state: RefCell<State<C>>,
    limit: usize,
}

struct State<C> {
    codec: C,
    /// A copy of the bytes that the decoder was shown and has not taken.
    input: BytesMut,
    /// How many bytes the decoder has taken since its last item.
    taken: usize,
}

impl<C> Codec<C> {
    /// The framing that `codec` describes.
    pub fn new(codec: C) -> Self {
        Codec {
            state: RefCell::new(State {
                codec,
                input: BytesMut::new(),
                taken: 0,
            }),
            limit: 16 * 1024 * 1024,
        }
    }

    /// Keeps at most `limit` bytes of an incomplete unit, whatever the decoder allows; 16 MiB by
    /// default. Beyond that the framing fails.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Codec { limit, ..self }
    }
}

impl<C> Framing for Codec<C>
where
    C: Decoder + 'static,
    C::Error: Error + Send + Sync + 'static,
{
    type Unit<'a> = C::Item;
    type Error = CodecError<C::Error>;

    fn decode(
        &self,
        bytes: &[u8],
        _seen: usize,
    ) -> Result<Option<Frame<C::Item>>, CodecError<C::Error>> {
        let mut state = self.state.borrow_mut();
        match state.ask(bytes, C::decode) {
            Ok(None) if bytes.len() > self.limit => Err(CodecError::TooLong(LengthLimitExceeded {
                limit: self.limit,
            })),
            decoded => decoded.map_err(CodecError::Codec),
        }
    }

    fn decode_at_end(&self, bytes: &[u8]) -> Result<Option<Frame<C::Item>>, CodecError<C::Error>> {
        let mut state = self.state.borrow_mut();
        state.ask(bytes, C::decode_eof).map_err(CodecError::Codec)
    }

    fn reset(&self) {
        let mut state = self.state.borrow_mut();
        state.input = BytesMut::new();
        state.taken = 0;
    }
}

impl<C: Decoder> State<C> {
    fn ask(
        &mut self,
        bytes: &[u8],
        decode: impl FnOnce(&mut C, &mut BytesMut) -> Result<Option<C::Item>, C::Error>,
    ) -> Result<Option<Frame<C::Item>>, C::Error> {
        let shown = self.taken + self.input.len();
        self.input
            .extend_from_slice(bytes.get(shown..).unwrap_or_default());
        let before = self.input.len();
        let item = decode(&mut self.codec, &mut self.input)?;
        self.taken += before.saturating_sub(self.input.len());
        if self.input.is_empty() {
            // An idle connection holds no buffer.
            self.input = BytesMut::new();
        }
        Ok(item.map(|unit| Frame {
            unit,
            consumed: std::mem::take(&mut self.taken),
        }))
    }
}

impl<C, I> FrameEncoder<I> for Codec<C>
where
    C: Decoder + Encoder<I> + 'static,
    <C as Decoder>::Error: Error + Send + Sync + 'static,
    <C as Encoder<I>>::Error: Error + Send + Sync + 'static,
{
    type SendError = <C as Encoder<I>>::Error;

    fn send(&self, transport: &TransportRef, item: I) -> Result<(), Self::SendError> {
        let mut output = BytesMut::new();
        self.state.borrow_mut().codec.encode(item, &mut output)?;
        transport.write(&output);
        Ok(())
    }
}

impl<C> fmt::Debug for Codec<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Codec")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// The input is not valid for a [`Codec`].
#[derive(Debug)]
#[non_exhaustive]
pub enum CodecError<E> {
    /// The decoder returned this error.
    Codec(E),
    /// A unit is longer than the limit of the [`Codec`].
    TooLong(LengthLimitExceeded),
}

impl<E: fmt::Display> fmt::Display for CodecError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CodecError::Codec(error) => write!(f, "the peer sent invalid input: {error}"),
            CodecError::TooLong(error) => error.fmt(f),
        }
    }
}

impl<E: Error + 'static> Error for CodecError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            CodecError::Codec(error) => error.source(),
            CodecError::TooLong(error) => error.source(),
        }
    }
}
