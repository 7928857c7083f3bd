use std::error::Error;
use std::fmt;

use retwist_reactor::TransportRef;

use crate::{Frame, Framing, StringTooLong};

/// Netstrings: `5:hello,`. A length in decimal digits, a colon, the bytes, a comma.
///
/// The limit is 99999 bytes unless said otherwise. The grammar is strict: no sign, no space, no
/// leading zero. A receiver is a [`FrameReceiver<Netstrings>`](crate::FrameReceiver); what is no
/// netstring ends the connection with a [`NetstringError`].
#[doc(alias = "NetstringReceiver")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Netstrings {
    limit: usize,
}

impl Netstrings {
    /// Netstrings of up to 99999 bytes.
    pub fn new() -> Self {
        Netstrings { limit: 99_999 }
    }

    /// Takes netstrings of up to `limit` bytes.
    #[doc(alias = "MAX_LENGTH")]
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Netstrings { limit }
    }

    /// The length, and how many bytes there are before the string itself; none if there is no colon
    /// yet.
    fn header(&self, bytes: &[u8]) -> Result<Option<(usize, usize)>, NetstringError> {
        let mut length = 0_usize;
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                b':' if at > 0 => return Ok(Some((length, at + 1))),
                b'0'..=b'9' if bytes[0] != b'0' || at == 0 => {
                    length = length
                        .checked_mul(10)
                        .and_then(|tens| tens.checked_add(usize::from(byte - b'0')))
                        .filter(|&length| length <= self.limit)
                        .ok_or(NetstringError::TooLong { limit: self.limit })?;
                }
                _ => return Err(NetstringError::BadLength),
            }
        }
        Ok(None)
    }
}

impl Default for Netstrings {
    fn default() -> Self {
        Netstrings::new()
    }
}

impl Framing for Netstrings {
    type Error = NetstringError;

    fn find(&self, bytes: &[u8], _seen: usize) -> Result<Option<Frame>, NetstringError> {
        let Some((length, start)) = self.header(bytes)? else {
            return Ok(None);
        };
        let end = start.saturating_add(length);
        match bytes.get(end) {
            None => Ok(None),
            Some(b',') => Ok(Some(Frame {
                unit: start..end,
                used: end + 1,
            })),
            Some(_) => Err(NetstringError::NoComma),
        }
    }

    fn send(&self, transport: &TransportRef, unit: &[u8]) -> Result<(), StringTooLong> {
        let header = format!("{}:", unit.len());
        transport.write_sequence(&[header.as_bytes(), unit, b","]);
        Ok(())
    }
}

/// What the peer sent is no netstring, or too long a one.
#[doc(alias = "NetstringParseError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetstringError {
    /// It does not begin with a length in decimal digits without leading zeros, and a colon.
    BadLength,
    /// It is longer than `limit` bytes.
    TooLong {
        /// The greatest length that is taken.
        limit: usize,
    },
    /// There is no comma where its length says that it ends.
    NoComma,
}

impl fmt::Display for NetstringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetstringError::BadLength => f.write_str(
                "the peer sends no netstrings: a length in digits and a colon were expected",
            ),
            NetstringError::TooLong { limit } => write!(
                f,
                "the peer sent a netstring of more than {limit} bytes; raise the limit if it was right to do so"
            ),
            NetstringError::NoComma => f.write_str(
                "the peer sent a netstring with a wrong length: no comma stands at its end",
            ),
        }
    }
}

impl Error for NetstringError {}
