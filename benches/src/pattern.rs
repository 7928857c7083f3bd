//! A byte stream that both ends of a measurement can make from any position on, so that every byte
//! that comes back is checked.

use crate::args::Result;

/// No power of two, so that a piece that is missing, doubled or moved does not fit.
const PERIOD: usize = 251;

/// For servers of messages the stream is one of strings, each behind a byte with its length: those
/// of a period are eleven of 20 bytes and one of 19.
const STRING: usize = 1 + 20;

/// The stream, long enough to take any message from any position within one period.
pub struct Pattern(Vec<u8>);

impl Pattern {
    pub fn new(longest: usize) -> Self {
        let stream = (0..longest + PERIOD).map(|position| match position % PERIOD {
            at if at % STRING == 0 => (PERIOD - at).min(STRING) as u8 - 1,
            at => at as u8 ^ 0x5a,
        });
        Pattern(stream.collect())
    }

    /// What stands at `position` of the stream.
    pub fn piece(&self, position: u64, length: usize) -> &[u8] {
        let from = at(position);
        &self.0[from..from + length]
    }

    /// Whether `data` is what stands at `position`.
    pub fn check(&self, position: u64, data: &[u8]) -> Result<()> {
        let mut position = position;
        let mut data = data;
        while !data.is_empty() {
            let length = data.len().min(self.0.len() - at(position));
            let (head, tail) = data.split_at(length);
            if head != self.piece(position, length) {
                return Err(format!("a wrong byte came back, behind byte {position}").into());
            }
            position += length as u64;
            data = tail;
        }
        Ok(())
    }
}

/// Where in the table it stands.
fn at(position: u64) -> usize {
    (position % PERIOD as u64) as usize
}
