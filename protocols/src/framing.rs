pub(crate) mod blocks;
#[cfg(feature = "tokio-codec")]
pub(crate) mod codec;
mod deadline;
mod decoder;
pub(crate) mod error;
pub(crate) mod framed;
pub(crate) mod int_strings;
pub(crate) mod line_receiver;
pub(crate) mod lines;
pub(crate) mod netstrings;
pub(crate) mod receiver;
pub(crate) mod transport;
pub(crate) mod weak;

use std::error::Error;

use retwist_reactor::TransportRef;

/// Cuts a stream of bytes into units. A framing of your own implements this.
///
/// The unit is a slice of the received bytes (`type Unit<'a> = &'a [u8]`), or any value that the
/// framing makes of them: a format within the bytes is then parsed once, by the framing, and the
/// receiver gets the result. [`Framed`](crate::Framed) keeps the bytes of an unfinished unit and
/// handles all that can happen between two units (pause, close, switch). A framing that has state
/// of its own keeps it in cells.
///
/// Input comes from the peer: never trust a length in it. Set a limit, and fail as soon as the
/// length of a unit is known to be above it, before its bytes arrive.
///
/// This is a whole framing: each unit begins with a byte of type and a byte of length, and the
/// receiver gets messages, not bytes.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use std::convert::Infallible;
/// use retwist::protocols::{Frame, FrameEncoder, FrameReceiver, FrameTransport, Framed, Framing};
/// use retwist::TransportRef;
///
/// enum Message { Ping, Pong, Text(String), Unknown }
///
/// struct Messages;
///
/// impl Framing for Messages {
///     type Unit<'a> = Message;
///     type Error = Infallible; // any byte is a valid length, and 255 is limit enough
///
///     fn decode(&self, bytes: &[u8], _seen: usize) -> Result<Option<Frame<Message>>, Infallible> {
///         let &[kind, length, ref rest @ ..] = bytes else { return Ok(None) };
///         let Some(body) = rest.get(..usize::from(length)) else { return Ok(None) };
///         let unit = match kind {
///             8 => Message::Ping,
///             9 => Message::Pong,
///             1 => Message::Text(String::from_utf8_lossy(body).into_owned()),
///             _ => Message::Unknown,
///         };
///         Ok(Some(Frame { unit, consumed: 2 + body.len() }))
///     }
/// }
///
/// impl FrameEncoder<Message> for Messages {
///     type SendError = Infallible;
///
///     fn send(&self, transport: &TransportRef, message: Message) -> Result<(), Infallible> {
///         match message {
///             Message::Ping => transport.write(&[8, 0]),
///             Message::Pong => transport.write(&[9, 0]),
///             Message::Text(text) => {
///                 transport.write_sequence(&[&[1, text.len() as u8], text.as_bytes()]);
///             }
///             Message::Unknown => {}
///         }
///         Ok(())
///     }
/// }
///
/// struct Answers;
///
/// impl FrameReceiver<Messages> for Answers {
///     fn frame_received(&mut self, transport: &FrameTransport<Messages>, message: Message) {
///         if let Message::Ping = message {
///             let Ok(()) = transport.send(Message::Pong);
///         }
///     }
/// }
///
/// let protocol = Framed::new(Messages, Answers);
/// # use retwist::testing::RecordingTransport;
/// # let recording = RecordingTransport::connect(protocol);
/// # recording.receive(&[8, 0, 1, 2, b'h', b'i', 8, 0]);
/// # assert_eq!(recording.written(), [9, 0, 9, 0]);
/// ```
pub trait Framing: 'static {
    /// What the receiver is handed: a slice of the input, or a value made of it.
    type Unit<'a>;

    /// What the peer can do wrong. It ends the conversation, and is the reason that
    /// `connection_lost` gets.
    type Error: Error + Send + Sync + 'static;

    /// Decodes the unit that `bytes` begins with. Returns `None` if the unit is not complete yet.
    /// `bytes` may be empty.
    ///
    /// The previous call returned `None` for the first `seen` bytes, so that a search need not start
    /// again for each byte that arrives. The result must not depend on `seen`.
    ///
    /// Consecutive calls show consecutive bytes: `bytes` begins where the previous unit ended, and
    /// contains all bytes that earlier calls showed behind it. Where this does not hold,
    /// [`reset`](Framing::reset) is called first.
    fn decode<'a>(
        &self,
        bytes: &'a [u8],
        seen: usize,
    ) -> Result<Option<Frame<Self::Unit<'a>>>, Self::Error>;

    /// Decodes what is left when the peer has ended its input: the non-empty rest for which
    /// [`decode`](Framing::decode) returned `None`. It is called again for what is left behind the
    /// unit that it returns.
    ///
    /// By default the end of input completes no unit.
    fn decode_at_end<'a>(
        &self,
        bytes: &'a [u8],
    ) -> Result<Option<Frame<Self::Unit<'a>>>, Self::Error> {
        let _ = bytes;
        Ok(None)
    }

    /// The next call of [`decode`](Framing::decode) shows other bytes than those that follow the
    /// previous ones: bytes were given back to the transport, or were pushed back by the receiver.
    /// Only a framing that keeps a copy of the bytes needs this.
    fn reset(&self) {}
}

/// Turns a unit into bytes: the output side of a [`Framing`].
///
/// A framing can implement it for several types `U`. Those whose units are bytes implement it for
/// everything that is `AsRef<[u8]>`.
pub trait FrameEncoder<U>: Framing {
    /// Why a unit cannot be sent.
    type SendError: Error + Send + Sync + 'static;

    /// Writes `unit` with all that the framing puts around it, in one call of
    /// [`write`](retwist_reactor::Transport::write) or
    /// [`write_sequence`](retwist_reactor::Transport::write_sequence): the transport takes such a
    /// call whole or, where its output limit is exceeded, not at all. Writes nothing if it returns
    /// an error.
    fn send(&self, transport: &TransportRef, unit: U) -> Result<(), Self::SendError>;
}

/// A framing whose units are bytes, received and sent: for code that is generic over such framings.
///
/// Every [`Framing`] with `Unit<'a> = &'a [u8]` that also implements [`FrameEncoder`] for slices is
/// one; see [`FrameReceiver`](crate::FrameReceiver) for an example.
pub trait ByteFraming:
    for<'a> Framing<Unit<'a> = &'a [u8]> + for<'a> FrameEncoder<&'a [u8]>
{
}

impl<F> ByteFraming for F where
    F: for<'a> Framing<Unit<'a> = &'a [u8]> + for<'a> FrameEncoder<&'a [u8]>
{
}

/// A unit that [`Framing::decode`] has found at the beginning of the bytes that it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<U> {
    /// The unit, without what the framing puts around it.
    pub unit: U,
    /// How many bytes the unit takes, with all that stands around it; the next unit begins behind
    /// them.
    ///
    /// 0 is valid, for an empty unit of a framing that looks for something else next. After 64 such
    /// units in a row other connections get their turn.
    pub consumed: usize,
}
