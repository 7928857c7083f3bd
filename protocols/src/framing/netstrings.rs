use std::convert::Infallible;
use std::error::Error;
use std::fmt;

use retwist_reactor::TransportRef;

use crate::{Frame, FrameEncoder, Framing};

/// Netstrings: `5:hello,`. A length in decimal digits, a colon, the bytes, a comma.
///
/// The limit is 99999 bytes by default. The grammar is strict: no sign, no space, no leading zero. A
/// receiver is a [`FrameReceiver<Netstrings>`](crate::FrameReceiver). Input that is not a netstring
/// ends the connection with a [`NetstringError`].
#[doc(alias = "NetstringReceiver")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Netstrings {
    limit: usize,
}

impl Netstrings {
    /// Netstrings of at most 99999 bytes.
    pub fn new() -> Self {
        Netstrings { limit: 99_999 }
    }

    /// Accepts netstrings of at most `limit` bytes.
    #[doc(alias = "MAX_LENGTH")]
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Netstrings { limit }
    }

    /// The length, and how many bytes come before the string itself; `None` if the colon has not
    /// arrived yet.
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
    type Unit<'a> = &'a [u8];
    type Error = NetstringError;

    fn decode<'a>(
        &self,
        bytes: &'a [u8],
        _seen: usize,
    ) -> Result<Option<Frame<&'a [u8]>>, NetstringError> {
        let Some((length, start)) = self.header(bytes)? else {
            return Ok(None);
        };
        let end = start.saturating_add(length);
        match bytes.get(end) {
            None => Ok(None),
            Some(b',') => Ok(Some(Frame {
                unit: &bytes[start..end],
                consumed: end + 1,
            })),
            Some(_) => Err(NetstringError::NoComma),
        }
    }
}

impl<B: AsRef<[u8]>> FrameEncoder<B> for Netstrings {
    type SendError = Infallible;

    fn send(&self, transport: &TransportRef, unit: B) -> Result<(), Infallible> {
        let unit = unit.as_ref();
        let header = format!("{}:", unit.len());
        transport.write_sequence(&[header.as_bytes(), unit, b","]);
        Ok(())
    }
}

/// The peer sent bytes that are not a netstring, or a netstring that is too long.
#[doc(alias = "NetstringParseError")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetstringError {
    /// The bytes do not begin with a length in decimal digits without leading zeros, and a colon.
    BadLength,
    /// The netstring is longer than `limit` bytes.
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// No comma stands where the netstring ends according to its length.
    NoComma,
}

impl fmt::Display for NetstringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetstringError::BadLength => f.write_str(
                "the peer does not send netstrings: expected a length in digits and a colon",
            ),
            NetstringError::TooLong { limit } => write!(
                f,
                "the peer sent a netstring of more than {limit} bytes; if such netstrings are valid, raise the limit"
            ),
            NetstringError::NoComma => f.write_str(
                "the peer sent a netstring with a wrong length: it does not end in a comma",
            ),
        }
    }
}

impl Error for NetstringError {}
