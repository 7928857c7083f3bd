use retwist_reactor::TransportRef;

use crate::{Frame, FrameEncoder, Framing, LengthLimitExceeded, StringTooLong};

/// Strings with their length before them: a big-endian number of `WIDTH` bytes, 1 to 4.
///
/// The limit is 99999 bytes by default, and never more than the prefix can express. A receiver is a
/// [`FrameReceiver<Int16Strings>`](crate::FrameReceiver). If a peer announces more than the limit,
/// the connection ends at once, before the string arrives.
#[doc(alias = "IntNStringReceiver")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntStrings<const WIDTH: usize> {
    limit: usize,
}

/// Strings of at most 255 bytes, with their length in one byte.
#[doc(alias = "Int8StringReceiver")]
pub type Int8Strings = IntStrings<1>;

/// Strings with their length in two bytes.
#[doc(alias = "Int16StringReceiver")]
pub type Int16Strings = IntStrings<2>;

/// Strings with their length in four bytes.
#[doc(alias = "Int32StringReceiver")]
pub type Int32Strings = IntStrings<4>;

impl<const WIDTH: usize> IntStrings<WIDTH> {
    /// The greatest length that the prefix can express.
    const GREATEST: usize = {
        assert!(WIDTH >= 1 && WIDTH <= 4, "a length prefix has 1 to 4 bytes");
        (u32::MAX >> (32 - 8 * WIDTH)) as usize
    };

    /// Strings of at most 99999 bytes.
    pub fn new() -> Self {
        IntStrings { limit: 99_999 }
    }

    /// Accepts strings of at most `limit` bytes. Only the prefix bounds what can be sent.
    #[doc(alias = "MAX_LENGTH")]
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        IntStrings { limit }
    }
}

impl<const WIDTH: usize> Default for IntStrings<WIDTH> {
    fn default() -> Self {
        IntStrings::new()
    }
}

impl<const WIDTH: usize> Framing for IntStrings<WIDTH> {
    type Unit<'a> = &'a [u8];
    type Error = LengthLimitExceeded;

    #[inline]
    fn decode<'a>(
        &self,
        bytes: &'a [u8],
        _seen: usize,
    ) -> Result<Option<Frame<&'a [u8]>>, LengthLimitExceeded> {
        let Some((prefix, behind)) = bytes.split_first_chunk::<WIDTH>() else {
            return Ok(None);
        };
        let length = prefix
            .iter()
            .fold(0, |length, &byte| length << 8 | usize::from(byte));
        if length > self.limit {
            return Err(LengthLimitExceeded { limit: self.limit });
        }
        Ok(behind.get(..length).map(|unit| Frame {
            unit,
            consumed: WIDTH + length,
        }))
    }
}

impl<const WIDTH: usize, B: AsRef<[u8]>> FrameEncoder<B> for IntStrings<WIDTH> {
    type SendError = StringTooLong;

    fn send(&self, transport: &TransportRef, unit: B) -> Result<(), StringTooLong> {
        let unit = unit.as_ref();
        let length = unit.len();
        if length > Self::GREATEST {
            return Err(StringTooLong {
                length,
                limit: Self::GREATEST,
            });
        }
        let prefix = length.to_be_bytes();
        transport.write_sequence(&[&prefix[prefix.len() - WIDTH..], unit]);
        Ok(())
    }
}
