use std::convert::Infallible;

use memchr::memchr;
use retwist_reactor::TransportRef;

use crate::{Frame, FrameEncoder, FrameTransport, Framing, LengthLimitExceeded};

/// Units that end in a delimiter: lines.
///
/// By default the delimiter is `\r\n` and the limit is 16384 bytes, not counting the delimiter.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
/// use retwist::testing::RecordingTransport;
///
/// struct Shout;
///
/// impl LineReceiver for Shout {
///     fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
///         transport.send_line(line.to_ascii_uppercase());
///     }
/// }
///
/// let protocol = Framed::new(Lines::new().limit(100), Shout);
/// let recording = RecordingTransport::connect(protocol);
/// recording.receive(b"hello\r\nyo");
/// recording.receive(b"u\r\n");
/// assert_eq!(recording.take_written(), b"HELLO\r\nYOU\r\n");
///
/// recording.receive(&[b'x'; 200]);
/// assert!(recording.is_closing());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// What is sent behind a line.
    delimiter: Box<[u8]>,
    /// What ends a line that is received.
    end: Box<[u8]>,
    /// A `\r` before `end` belongs to the delimiter.
    strips_cr: bool,
    short: Option<Short>,
    limit: usize,
}

/// The transport of a [`LineReceiver`](crate::LineReceiver).
pub type LineTransport = FrameTransport<Lines>;

impl Lines {
    /// Lines that end in `\r\n`.
    pub fn new() -> Self {
        Lines::delimited_by(b"\r\n")
    }

    /// Lines that end in `\n` or `\r\n`, and are sent with `\r\n`: for peers of both kinds. A program
    /// at the other end of a pipe takes the `\r` as a part of the line: for it, use
    /// [`delimited_by`](Lines::delimited_by)`(b"\n")`.
    ///
    /// ```
    /// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
    /// use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
    /// use retwist::testing::RecordingTransport;
    ///
    /// struct Echo;
    ///
    /// impl LineReceiver for Echo {
    ///     fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
    ///         transport.send_line(line);
    ///     }
    /// }
    ///
    /// let recording = RecordingTransport::connect(Framed::new(Lines::lf_or_crlf(), Echo));
    /// recording.receive(b"from Unix\nfrom the Internet\r\n");
    /// assert_eq!(recording.written(), b"from Unix\r\nfrom the Internet\r\n");
    /// ```
    pub fn lf_or_crlf() -> Self {
        let lines = Lines {
            delimiter: b"\r\n"[..].into(),
            strips_cr: true,
            ..Lines::delimited_by(b"\n")
        };
        let limit = lines.limit;
        lines.limit(limit)
    }

    /// Lines that end in `delimiter`, which can have any length. With an empty delimiter no line
    /// ever ends, and the input fails at the limit.
    #[doc(alias = "delimiter")]
    pub fn delimited_by(delimiter: &[u8]) -> Self {
        let limit = 16_384;
        Lines {
            delimiter: delimiter.into(),
            end: delimiter.into(),
            strips_cr: false,
            short: Short::new(delimiter, false, limit),
            limit,
        }
    }

    /// Accepts lines of at most `limit` bytes, not counting the delimiter.
    #[doc(alias = "MAX_LENGTH")]
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        let short = Short::new(&self.end, self.strips_cr, limit);
        Lines {
            short,
            limit,
            ..self
        }
    }

    fn decode_anywhere<'a>(
        &self,
        bytes: &'a [u8],
        seen: usize,
    ) -> Result<Option<Frame<&'a [u8]>>, LengthLimitExceeded> {
        let found = self.end_of_line(bytes, seen);
        // Without a delimiter, the last bytes may be the beginning of one.
        let length = match found {
            Some(end) => end - self.end.len(),
            None => {
                let beginning = self.end.len().max(1) - 1 + usize::from(self.strips_cr);
                bytes.len().saturating_sub(beginning)
            }
        };
        let length = match &bytes[..length] {
            [.., b'\r'] if self.strips_cr && found.is_some() => length - 1,
            _ => length,
        };
        if length > self.limit {
            return Err(LengthLimitExceeded { limit: self.limit });
        }
        Ok(found.map(|consumed| Frame {
            unit: &bytes[..length],
            consumed,
        }))
    }

    /// Where the first delimiter ends, looking at each byte behind the first `seen` ones that can be
    /// the last byte of a delimiter.
    fn end_of_line(&self, bytes: &[u8], seen: usize) -> Option<usize> {
        let (&last, head) = self.end.split_last()?;
        let mut from = seen;
        loop {
            let at = from + memchr(last, bytes.get(from..)?)?;
            if bytes[..at].ends_with(head) {
                return Some(at + 1);
            }
            from = at + 1;
        }
    }
}

/// A delimiter of one or two bytes, to be looked for where it usually is: near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Short {
    /// The byte before the last one, which is not part of the line; more than a byte if there is none.
    before: u16,
    /// Whether the delimiter is incomplete without it.
    needs_before: bool,
    /// The last byte, eight times.
    last: u64,
    /// [`ONES`], and the high bit eight times. As operands in memory they cost less for each word than
    /// as constants, which the compiler loads again and again.
    ones: u64,
    highs: u64,
}

/// How many bytes are near.
const NEAR: usize = 32;
const ONES: u64 = u64::MAX / 0xff;
/// Differs from every byte.
const NO_BEFORE: u16 = 0x100;

impl Short {
    /// `None` if the delimiter is not short, or if a near line can exceed `limit`.
    fn new(end: &[u8], strips_cr: bool, limit: usize) -> Option<Self> {
        let (before, needs_before, last) = match *end {
            _ if limit < NEAR => return None,
            [last] if strips_cr => (b'\r'.into(), false, last),
            [last] => (NO_BEFORE, false, last),
            [before, last] => (before.into(), true, last),
            _ => return None,
        };
        Some(Short {
            before,
            needs_before,
            last: ONES * u64::from(last),
            ones: ONES,
            highs: ONES << 7,
        })
    }

    /// The line that `bytes` begins with. Looking at a few words here costs less than any call.
    /// `None` means that the line may be longer.
    #[inline(always)]
    fn near(self, bytes: &[u8]) -> Option<Frame<&[u8]>> {
        let near = bytes.first_chunk::<NEAR>()?;
        let (words, _) = near.as_chunks::<8>();
        for (index, word) in words.iter().enumerate() {
            // A byte is zero where the last byte of the delimiter stands, and the lowest byte that
            // borrows is the first of them. Bytes with their high bit set only look like it.
            let zeroed = u64::from_le_bytes(*word) ^ self.last;
            let candidates = zeroed.wrapping_sub(self.ones) & self.highs;
            if candidates != 0 && candidates & !zeroed != 0 {
                // Always below NEAR; the masks only say so to the compiler.
                let at = 8 * index + (candidates & !zeroed).trailing_zeros() as usize / 8;
                let before = near[at.wrapping_sub(1) % NEAR];
                let length = if at > 0 && u16::from(before) == self.before {
                    at - 1
                } else if self.needs_before {
                    return None;
                } else {
                    at
                };
                return Some(Frame {
                    unit: &near[..length % NEAR],
                    consumed: at + 1,
                });
            }
        }
        None
    }
}

impl Default for Lines {
    fn default() -> Self {
        Lines::new()
    }
}

impl Framing for Lines {
    type Unit<'a> = &'a [u8];
    type Error = LengthLimitExceeded;

    #[inline(always)]
    fn decode<'a>(
        &self,
        bytes: &'a [u8],
        seen: usize,
    ) -> Result<Option<Frame<&'a [u8]>>, LengthLimitExceeded> {
        if seen == 0
            && let Some(short) = self.short
            && let Some(frame) = short.near(bytes)
        {
            return Ok(Some(frame));
        }
        self.decode_anywhere(bytes, seen)
    }
}

impl<B: AsRef<[u8]>> FrameEncoder<B> for Lines {
    /// A line can have any length.
    type SendError = Infallible;

    fn send(&self, transport: &TransportRef, line: B) -> Result<(), Infallible> {
        transport.write_sequence(&[line.as_ref(), &self.delimiter]);
        Ok(())
    }
}

impl LineTransport {
    /// Sends a line: `line`, and the delimiter behind it, as one write. A delimiter within `line` is
    /// sent as it is, so check text that comes from elsewhere.
    #[doc(alias = "sendLine")]
    pub fn send_line(&self, line: impl AsRef<[u8]>) {
        let Ok(()) = self.send(line);
    }

    /// [`set_frame_mode`](FrameTransport::set_frame_mode), by its name for lines.
    #[doc(alias = "setLineMode")]
    pub fn set_line_mode(&self, extra: &[u8]) {
        self.set_frame_mode(extra);
    }
}
