use std::cell::Cell;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use retwist_reactor::TransportRef;

use crate::{Frame, FrameEncoder, Framing};

/// A message of AMP: keys and values, in the order of the keys.
///
/// A key has 1 to 255 bytes, a value at most 65535. Of two values with one key the last counts.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AmpBox {
    pairs: BTreeMap<Box<[u8]>, Box<[u8]>>,
}

impl AmpBox {
    /// A box with nothing in it, which cannot be sent.
    pub fn new() -> Self {
        AmpBox::default()
    }

    /// Sets the value of a key.
    pub fn set(&mut self, key: &str, value: impl Into<Box<[u8]>>) {
        self.pairs.insert(key.as_bytes().into(), value.into());
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.pairs.get(key.as_bytes()).map(|value| &**value)
    }

    /// Takes a key and its value out.
    pub fn remove(&mut self, key: &str) -> Option<Box<[u8]>> {
        self.pairs.remove(key.as_bytes())
    }

    /// All keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.pairs.iter().map(|(key, value)| (&**key, &**value))
    }

    /// The bytes of the box.
    pub fn encode(&self) -> Result<Vec<u8>, BoxTooLong> {
        let mut out = Vec::new();
        for (key, value) in self.iter() {
            let too_long = || BoxTooLong(String::from_utf8_lossy(key).into_owned());
            let length = u8::try_from(key.len()).map_err(|_| too_long())?;
            if length == 0 {
                return Err(too_long());
            }
            out.extend([0, length]);
            out.extend_from_slice(key);
            let length = u16::try_from(value.len()).map_err(|_| too_long())?;
            out.extend(length.to_be_bytes());
            out.extend_from_slice(value);
        }
        if out.is_empty() {
            return Err(BoxTooLong(String::new()));
        }
        out.extend([0, 0]);
        Ok(out)
    }

    /// The box that `bytes` begin with, and how many bytes it has; `None` if it is not complete.
    pub fn decode(bytes: &[u8]) -> Result<Option<(AmpBox, usize)>, BoxError> {
        match scan(bytes, 0)? {
            Scan::Incomplete(_) => Ok(None),
            Scan::Complete(end) => Ok(Some((collect(&bytes[..end]), end))),
        }
    }
}

impl fmt::Debug for AmpBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.iter();
        f.debug_map()
            .entries(pairs.map(|(key, value)| {
                (
                    key.escape_ascii().to_string(),
                    value.escape_ascii().to_string(),
                )
            }))
            .finish()
    }
}

/// How far a box is there.
enum Scan {
    /// All keys before this offset are complete, and so are their values.
    Incomplete(usize),
    /// It ends here.
    Complete(usize),
}

/// Looks for the end of a box whose keys before `at` are complete.
fn scan(bytes: &[u8], mut at: usize) -> Result<Scan, BoxError> {
    loop {
        let Some(&[high, low]) = bytes.get(at..at + 2) else {
            // The length of a key fits into its second byte.
            return match bytes.get(at) {
                Some(&high) if high != 0 => Err(BoxError::KeyTooLong),
                _ => Ok(Scan::Incomplete(at)),
            };
        };
        match (high, low) {
            (0, 0) if at == 0 => return Err(BoxError::Empty),
            (0, 0) => return Ok(Scan::Complete(at + 2)),
            (0, length) => {
                let value = at + 2 + usize::from(length);
                let Some(&[high, low]) = bytes.get(value..value + 2) else {
                    return Ok(Scan::Incomplete(at));
                };
                let end = value + 2 + usize::from(u16::from_be_bytes([high, low]));
                if bytes.len() < end {
                    return Ok(Scan::Incomplete(at));
                }
                at = end;
            }
            _ => return Err(BoxError::KeyTooLong),
        }
    }
}

/// The pairs of a box that is complete.
fn collect(bytes: &[u8]) -> AmpBox {
    let mut found = AmpBox::new();
    let mut rest = bytes;
    while let Some((key, behind)) = string(rest).filter(|(key, _)| !key.is_empty()) {
        let Some((value, behind)) = string(behind) else {
            break;
        };
        found.pairs.insert(key.into(), value.into());
        rest = behind;
    }
    found
}

/// A string with its length in two bytes before it, and what is behind it.
pub(super) fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// The framing of AMP. A box has at most 1 MiB, unless a [`limit`](Boxes::limit) is set.
#[derive(Debug)]
pub struct Boxes {
    limit: usize,
    /// Of the box in front of the input, the keys before this offset are complete.
    scanned: Cell<usize>,
}

impl Boxes {
    /// Boxes of at most 1 MiB.
    #[expect(clippy::new_without_default, reason = "a framing is made on purpose")]
    pub fn new() -> Self {
        Boxes {
            limit: 1 << 20,
            scanned: Cell::new(0),
        }
    }

    /// Accepts boxes of at most `bytes`.
    #[must_use]
    pub fn limit(self, bytes: usize) -> Self {
        Boxes {
            limit: bytes,
            ..self
        }
    }
}

impl Framing for Boxes {
    type Unit<'a> = AmpBox;
    type Error = BoxError;

    fn decode(&self, bytes: &[u8], _seen: usize) -> Result<Option<Frame<AmpBox>>, BoxError> {
        let outcome = scan(bytes, self.scanned.take())?;
        let length = match outcome {
            Scan::Incomplete(at) => {
                self.scanned.set(at);
                bytes.len()
            }
            Scan::Complete(end) => end,
        };
        if length > self.limit {
            return Err(BoxError::TooLong(self.limit));
        }
        Ok(match outcome {
            Scan::Incomplete(_) => None,
            Scan::Complete(consumed) => Some(Frame {
                unit: collect(&bytes[..consumed]),
                consumed,
            }),
        })
    }

    fn reset(&self) {
        self.scanned.set(0);
    }
}

impl FrameEncoder<&AmpBox> for Boxes {
    type SendError = BoxTooLong;

    fn send(&self, transport: &TransportRef, unit: &AmpBox) -> Result<(), BoxTooLong> {
        transport.write(&unit.encode()?);
        Ok(())
    }
}

/// A box cannot be received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BoxError {
    /// A key has more than 255 bytes: the peer does not speak AMP.
    KeyTooLong,
    /// A box has nothing in it.
    #[doc(alias = "NoEmptyBoxes")]
    Empty,
    /// A box has more than this many bytes.
    TooLong(usize),
}

impl fmt::Display for BoxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BoxError::KeyTooLong => {
                f.write_str("the peer does not speak AMP: a key of more than 255 bytes came")
            }
            BoxError::Empty => f.write_str("the peer sent an empty box"),
            BoxError::TooLong(limit) => write!(
                f,
                "the peer sent a box of more than {limit} bytes; if such boxes are valid, raise the limit of Boxes"
            ),
        }
    }
}

impl Error for BoxError {}

/// A box cannot be sent, because of this key: the key is empty or has more than 255 bytes, or its
/// value has more than 65535. An empty name stands for a box with nothing in it.
#[doc(alias = "TooLong")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoxTooLong(pub String);

impl fmt::Display for BoxTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the argument {:?} does not fit into a box: a key has 1 to 255 bytes, a value at most 65535",
            self.0
        )
    }
}

impl Error for BoxTooLong {}
