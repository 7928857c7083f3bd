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
        Lines {
            delimiter: delimiter.into(),
            limit: 16_384,
        }
    }

    /// Takes lines of up to `limit` bytes, not counting the delimiter.
    #[doc(alias = "MAX_LENGTH")]
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Lines { limit, ..self }
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

    /// [`end`](Lines::end), for a delimiter of two bytes that is near, as the end of a line mostly
    /// is: to look at a few words here costs less than any call. None says nothing.
    #[inline]
    fn near_end(&self, bytes: &[u8]) -> Option<usize> {
        const ONES: u64 = u64::MAX / 0xff;
        let &[first, last] = &*self.delimiter else {
            return None;
        };
        let (words, _) = bytes.as_chunks::<8>();
        for (index, word) in words.iter().take(NEAR).enumerate() {
            // A byte is zero where the last one of the delimiter stands; the lowest that borrows is
            // the first of them.
            let zeroed = u64::from_le_bytes(*word) ^ (ONES * u64::from(last));
            let borrows = zeroed.wrapping_sub(ONES) & !zeroed & (ONES << 7);
            if borrows != 0 {
                let at = 8 * index + borrows.trailing_zeros() as usize / 8;
                let before = bytes.get(at.wrapping_sub(1));
                return (before == Some(&first)).then_some(at + 1);
            }
        }
        None
    }
}

/// How many words of eight bytes are near.
const NEAR: usize = 8;

impl Default for Lines {
    fn default() -> Self {
        Lines::new()
    }
}

impl Framing for Lines {
    type Error = LengthLimitExceeded;

    #[inline]
    fn find(&self, bytes: &[u8], seen: usize) -> Result<Option<Frame>, LengthLimitExceeded> {
        let found = match seen {
            0 => self.near_end(bytes).or_else(|| self.end(bytes, 0)),
            _ => self.end(bytes, seen),
        };
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
