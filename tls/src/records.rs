use std::cell::RefCell;
use std::mem;

/// What a record's header takes.
pub(crate) const HEADER: usize = 5;
/// The longest a record may be, header and all (RFC 8446 5.2, and 2,048 of expansion as in TLS
/// 1.2).
pub(crate) const MAX_RECORD: usize = HEADER + (1 << 14) + 2048;

/// Records on their way to the transport below.
///
/// rustls writes into memory that must be there already, so the buffer keeps its length and
/// remembers how much of it counts: it is cleared once in its life, not for every record.
pub(crate) struct Records {
    buffer: Vec<u8>,
    used: usize,
}

/// Larger than this, a buffer is not kept for the next connection.
const KEPT: usize = 8 * MAX_RECORD;

thread_local! {
    /// The connections of a thread take turns with them, and an idle one has none. There is one,
    /// and one more for each TLS that is inside another.
    static RECORDS: [RefCell<Records>; 8] = const { [const { RefCell::new(Records::new()) }; 8] };
    static QUEUES: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

impl Records {
    pub(crate) const fn new() -> Self {
        Records {
            buffer: Vec::new(),
            used: 0,
        }
    }

    /// Lends `work` empty ones.
    #[inline]
    pub(crate) fn lend<R>(work: impl FnOnce(&mut Records) -> R) -> R {
        RECORDS.with(
            |all| match all.iter().find_map(|records| records.try_borrow_mut().ok()) {
                Some(mut records) => records.lent(work),
                None => work(&mut Records::new()),
            },
        )
    }

    #[inline]
    fn lent<R>(&mut self, work: impl FnOnce(&mut Records) -> R) -> R {
        // Before it, in case that the work of somebody else has panicked.
        self.used = 0;
        let result = work(self);
        if self.buffer.len() > KEPT {
            self.buffer = Vec::new();
        }
        result
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

    pub(crate) fn is_empty(&self) -> bool {
        self.used == 0
    }
}

/// Plaintext that waits for the end of the turn, in a buffer of the thread's.
#[derive(Default)]
pub(crate) struct Queue(Vec<u8>);

impl Queue {
    pub(crate) fn push(&mut self, data: &[u8]) {
        if self.0.capacity() == 0 {
            self.0 = QUEUES.with_borrow_mut(|spare| spare.pop().unwrap_or_default());
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
        if (1..=KEPT).contains(&self.0.capacity()) {
            self.0.clear();
            let buffer = mem::take(&mut self.0);
            // Nobody needs one when the thread has ended.
            let _ = QUEUES.try_with(|spare| {
                let mut spare = spare.borrow_mut();
                if spare.len() < SPARES {
                    spare.push(buffer);
                }
            });
        }
    }
}

/// How many queues are kept for the next connections.
const SPARES: usize = 4;

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
    fn the_buffers_of_the_thread_are_used_again_and_kept_small() {
        let place = |size| {
            Records::lend(|records| {
                assert!(records.is_empty());
                records.room(size).as_ptr()
            })
        };
        let first = Records::lend(|outer| {
            outer.push(b"some");
            outer.push(b"thing");
            assert_ne!(
                place(9),
                outer.bytes().as_ptr(),
                "of one that is inside another"
            );
            assert_eq!(outer.bytes(), b"something");
            outer.bytes().as_ptr()
        });
        assert_eq!(place(9), first);
        place(1 << 20);
        RECORDS.with(|all| assert!(all[0].borrow().buffer.is_empty(), "too large to be kept"));
    }

    #[test]
    fn a_queue_that_is_empty_again_gives_its_buffer_to_the_next() {
        let mut queue = Queue::default();
        queue.push(b"something");
        let place = queue.bytes().as_ptr();
        drop(queue);
        let mut next = Queue::default();
        assert!(next.is_empty());
        next.push(b"else");
        assert_eq!((next.bytes(), next.bytes().as_ptr()), (&b"else"[..], place));
    }
}
