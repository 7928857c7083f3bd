use memchr::memchr;
use retwist_reactor::TransportRef;

use crate::{Frame, FrameTransport, Framing, LengthLimitExceeded, StringTooLong};

/// Units that end in a delimiter: lines.
///
/// The delimiter is `\r\n` and the limit 16384 bytes, not counting the delimiter, unless said
/// otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    delimiter: Box<[u8]>,
    short: Option<Short>,
    limit: usize,
}

/// The transport that a [`LineReceiver`](crate::LineReceiver) holds.
pub type LineTransport = FrameTransport<Lines>;

impl Lines {
    /// Lines that end in `\r\n`.
    pub fn new() -> Self {
        Lines::delimited_by(b"\r\n")
    }

    /// Lines that end in `delimiter`, of any length; with an empty one no line ever ends, and all
    /// fails at the limit.
    #[doc(alias = "delimiter")]
    pub fn delimited_by(delimiter: &[u8]) -> Self {
        let limit = 16_384;
        Lines {
            delimiter: delimiter.into(),
            short: Short::new(delimiter, limit),
            limit,
        }
    }

    /// Takes lines of up to `limit` bytes, not counting the delimiter.
    #[doc(alias = "MAX_LENGTH")]
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        let short = Short::new(&self.delimiter, limit);
        Lines {
            short,
            limit,
            ..self
        }
    }

    fn find_anywhere(
        &self,
        bytes: &[u8],
        seen: usize,
    ) -> Result<Option<Frame>, LengthLimitExceeded> {
        let found = self.end(bytes, seen);
        // Without a delimiter, the last bytes may be the beginning of one.
        let length = match found {
            Some(end) => end - self.delimiter.len(),
            None => (bytes.len() + 1).saturating_sub(self.delimiter.len().max(1)),
        };
        if length > self.limit {
            return Err(LengthLimitExceeded { limit: self.limit });
        }
        Ok(found.map(|end| Frame {
            unit: 0..length,
            used: end,
        }))
    }

    /// Where the delimiter that comes first ends, looking at each of its possible last bytes behind
    /// the first `seen` ones.
    fn end(&self, bytes: &[u8], seen: usize) -> Option<usize> {
        let (&last, head) = self.delimiter.split_last()?;
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

/// A delimiter of one or two bytes, to be looked for where it mostly is: near.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Short {
    before: Option<u8>,
    /// The last byte, eight times.
    last: u64,
}

/// How many bytes are near.
const NEAR: usize = 32;
const ONES: u64 = u64::MAX / 0xff;

impl Short {
    /// None if `delimiter` is not short, or what is near can be more than `limit`.
    fn new(delimiter: &[u8], limit: usize) -> Option<Self> {
        let (before, last) = match *delimiter {
            _ if limit < NEAR => return None,
            [last] => (None, last),
            [before, last] => (Some(before), last),
            _ => return None,
        };
        Some(Short {
            before,
            last: ONES * u64::from(last),
        })
    }

    /// The line that `bytes` begins with. To look at a few words here costs less than any call; none
    /// says nothing.
    #[inline(always)]
    fn near(self, bytes: &[u8]) -> Option<Frame> {
        let near = bytes.first_chunk::<NEAR>()?;
        let (words, _) = near.as_chunks::<8>();
        for (index, word) in words.iter().enumerate() {
            // A byte is zero where the last one of the delimiter stands, and the lowest that borrows
            // is the first of them. Those with their high bit set may only seem to.
            let zeroed = u64::from_le_bytes(*word) ^ self.last;
            let seem_to = zeroed.wrapping_sub(ONES) & (ONES << 7);
            if seem_to != 0 && seem_to & !zeroed != 0 {
                let at = 8 * index + (seem_to & !zeroed).trailing_zeros() as usize / 8;
                let end = match self.before {
                    None => at,
                    Some(before) => match near.get(at.wrapping_sub(1)) {
                        Some(&byte) if byte == before => at - 1,
                        _ => return None,
                    },
                };
                return Some(Frame {
                    unit: 0..end,
                    used: at + 1,
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
    type Error = LengthLimitExceeded;

    #[inline(always)]
    fn find(&self, bytes: &[u8], seen: usize) -> Result<Option<Frame>, LengthLimitExceeded> {
        if seen == 0
            && let Some(short) = self.short
            && let Some(frame) = short.near(bytes)
        {
            return Ok(Some(frame));
        }
        self.find_anywhere(bytes, seen)
    }

    fn send(&self, transport: &TransportRef, line: &[u8]) -> Result<(), StringTooLong> {
        transport.write_sequence(&[line, &self.delimiter]);
        Ok(())
    }
}

impl LineTransport {
    /// Sends a line: `line`, and the delimiter behind it. A delimiter within `line` is sent as it
    /// is, so check what comes from somebody else.
    #[doc(alias = "sendLine")]
    pub fn send_line(&self, line: impl AsRef<[u8]>) {
        // Lines can be of any length.
        let _ = self.send(line.as_ref());
    }

    /// [`set_frame_mode`](FrameTransport::set_frame_mode), by the name that it has for lines.
    #[doc(alias = "setLineMode")]
    pub fn set_line_mode(&self, extra: &[u8]) {
        self.set_frame_mode(extra);
    }
}
