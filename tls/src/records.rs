use std::cell::Cell;
use std::mem;

/// What a record's header takes.
pub(crate) const HEADER: usize = 5;
/// The longest a record may be, header and all (RFC 8446 5.2, and 2,048 of expansion as in TLS
/// 1.2).
pub(crate) const MAX_RECORD: usize = HEADER + (1 << 14) + 2048;

/// Records on their way to the transport below.
///
/// rustls writes into memory that must be there already, so the buffer keeps its length and
/// remembers how much of it counts: it is cleared once in its life, not for every record. One
/// serves all connections of a thread: see [`Records::take`].
#[derive(Default)]
pub(crate) struct Records {
    buffer: Vec<u8>,
    used: usize,
}

thread_local! {
    /// One, and one more for each TLS that is inside another.
    static SPARE: Cell<Vec<Records>> = const { Cell::new(Vec::new()) };
}

impl Records {
    /// A buffer of this thread's; give it back with [`Records::give_back`].
    pub(crate) fn take() -> Self {
        let mut spare = SPARE.take();
        let records = spare.pop().unwrap_or_default();
        SPARE.set(spare);
        records
    }

    /// Keeps the buffer for the next who needs one; few of them, and none of an unusual size.
    pub(crate) fn give_back(mut self) {
        const KEPT: usize = 4;
        const SIZE: usize = 8 * MAX_RECORD;
        let mut spare = SPARE.take();
        if spare.len() < KEPT && self.buffer.len() <= SIZE {
            self.used = 0;
            spare.push(self);
        }
        SPARE.set(spare);
    }

    /// At least `size` bytes to write to, behind what counts.
    pub(crate) fn room(&mut self, size: usize) -> &mut [u8] {
        let needed = self.used + size;
        if self.buffer.len() < needed {
            self.buffer.resize(needed, 0);
        }
        &mut self.buffer[self.used..]
    }

    /// The next `size` bytes count.
    pub(crate) fn advance(&mut self, size: usize) {
        self.used = (self.used + size).min(self.buffer.len());
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.room(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.advance(bytes.len());
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.used]
    }

    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }
}

/// Plaintext that waits for the end of the turn, in a buffer that the connections of a thread take
/// in turn: an idle one has none.
#[derive(Default)]
pub(crate) struct Queue(Vec<u8>);

thread_local! {
    static SPARE_QUEUE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Queue {
    pub(crate) fn push(&mut self, data: &[u8]) {
        if self.0.capacity() == 0 {
            self.0 = SPARE_QUEUE.take();
        }
        self.0.extend_from_slice(data);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that waits; to be given back.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        mem::take(&mut self.0)
    }

    pub(crate) fn give_back(mut buffer: Vec<u8>) {
        const KEPT: usize = 8 * MAX_RECORD;
        if buffer.capacity() <= KEPT {
            buffer.clear();
            SPARE_QUEUE.set(buffer);
        }
    }
}

/// How many bytes are missing until the record at `start` of `input` is whole: to the end of its
/// header, while that is incomplete, or to its own end. `start` is moved behind all whole records.
pub(crate) fn missing(input: &[u8], start: &mut usize) -> usize {
    loop {
        let rest = input.get(*start..).unwrap_or_default();
        let Some(&[_, _, _, high, low]) = rest.first_chunk::<HEADER>() else {
            return HEADER - rest.len();
        };
        let size = HEADER + usize::from(u16::from_be_bytes([high, low]));
        if rest.len() < size {
            return size - rest.len();
        }
        *start += size;
    }
}

/// Whether a record may begin with this byte (RFC 8446 5.1: change_cipher_spec, alert, handshake,
/// application_data).
pub(crate) fn begins_record(byte: u8) -> bool {
    matches!(byte, 20..=23)
}

/// Whether `input` begins with a close_notify in clear, whatever version its record names.
pub(crate) fn is_close_notify(input: &[u8]) -> bool {
    matches!(input, [21, 3, _, 0, 2, _, 0, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_counts_to_the_header_and_to_the_end() {
        for (input, expected) in [
            (&b""[..], 5),
            (b"\x16\x03", 3),
            (b"\x16\x03\x03\x00\x02", 2),
            (b"\x16\x03\x03\x00\x02a", 1),
            (b"\x16\x03\x03\x00\x02ab", 5),
            (b"\x16\x03\x03\x00\x02ab\x17\x03\x03\x01\x00", 256),
        ] {
            assert_eq!(missing(input, &mut 0), expected, "{input:?}");
        }
    }

    #[test]
    fn the_buffer_of_the_thread_is_used_again_and_kept_small() {
        let mut records = Records::take();
        records.push(b"some");
        records.push(b"thing");
        assert_eq!(records.bytes(), b"something");
        records.give_back();
        let again = Records::take();
        assert!(again.bytes().is_empty());
        assert!(again.buffer.len() >= 9);
        let mut large = Records::take();
        large.room(1 << 20);
        large.give_back();
        assert!(Records::take().buffer.is_empty(), "too large to be kept");
        again.give_back();
        assert!(!Records::take().buffer.is_empty());
    }
}
