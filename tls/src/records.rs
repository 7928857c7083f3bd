use std::cell::RefCell;
use std::mem;
use std::thread::LocalKey;

/// What a record's header takes.
pub(crate) const HEADER: usize = 5;
/// The longest a record may be, header and all (RFC 8446 5.2, and 2,048 of expansion as in TLS
/// 1.2).
pub(crate) const MAX_RECORD: usize = HEADER + (1 << 14) + 2048;

/// Records on their way to the transport below.
///
/// rustls writes into memory that must be there already, so the buffer keeps its length and
/// remembers how much of it counts: it is cleared once in its life, not for every record. It is the
/// thread's, and is here only while there is something in it.
#[derive(Default)]
pub(crate) struct Records {
    buffer: Vec<u8>,
    used: usize,
}

/// Buffers that the connections of a thread take in turn, so that an idle one has none. There is
/// one, and one more for each TLS that is inside another.
type Spare = RefCell<Vec<Vec<u8>>>;

thread_local! {
    static RECORDS: Spare = const { RefCell::new(Vec::new()) };
    static QUEUES: Spare = const { RefCell::new(Vec::new()) };
}

fn take_spare(spare: &'static LocalKey<Spare>) -> Vec<u8> {
    spare.with_borrow_mut(|spare| spare.pop().unwrap_or_default())
}

/// Keeps few of them, and none of an unusual size.
fn give_back(spare: &'static LocalKey<Spare>, buffer: Vec<u8>) {
    const KEPT: usize = 4;
    const SIZE: usize = 8 * MAX_RECORD;
    // Nobody needs one when the thread has ended.
    let _ = spare.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        if spare.len() < KEPT && buffer.capacity() <= SIZE {
            spare.push(buffer);
        }
    });
}

impl Records {
    /// At least `size` bytes to write to, behind what counts.
    pub(crate) fn room(&mut self, size: usize) -> &mut [u8] {
        if self.buffer.is_empty() {
            self.buffer = take_spare(&RECORDS);
        }
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

    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }
}

impl Drop for Records {
    fn drop(&mut self) {
        if !self.buffer.is_empty() {
            give_back(&RECORDS, mem::take(&mut self.buffer));
        }
    }
}

/// Plaintext that waits for the end of the turn, in a buffer of the thread's.
#[derive(Default)]
pub(crate) struct Queue(Vec<u8>);

impl Queue {
    pub(crate) fn push(&mut self, data: &[u8]) {
        if self.0.capacity() == 0 {
            self.0 = take_spare(&QUEUES);
        }
        self.0.extend_from_slice(data);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if self.0.capacity() > 0 {
            self.0.clear();
            give_back(&QUEUES, mem::take(&mut self.0));
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
        let mut records = Records::default();
        records.push(b"some");
        records.push(b"thing");
        assert_eq!(records.bytes(), b"something");
        let place = records.bytes().as_ptr();
        drop(records);
        let mut again = Records::default();
        assert!(again.is_empty());
        assert_eq!(again.room(9).as_ptr(), place);
        let mut large = Records::default();
        large.room(1 << 20);
        drop(large);
        assert!(take_spare(&RECORDS).is_empty(), "too large to be kept");
        drop(again);
        assert!(!take_spare(&RECORDS).is_empty());
    }
}
