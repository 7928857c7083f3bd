use std::cell::{Cell, RefCell};

use crate::record::MAX_RECORD;

/// Records on their way to the transport below.
///
/// rustls writes into memory that must be there already. So the buffer keeps its length and remembers
/// how much of it is used: its memory is cleared once in its life, not for every record.
pub(crate) struct Ciphertext {
    buffer: Vec<u8>,
    used: usize,
}

/// Larger than this, a buffer is not kept for the next connection.
const KEPT: usize = 8 * MAX_RECORD;

thread_local! {
    /// The connections of a thread share these, so that an idle one holds none. A connection uses
    /// one, and TLS inside TLS one more for each level.
    static CIPHERTEXTS: [RefCell<Ciphertext>; 8] = const { [const { RefCell::new(Ciphertext::new()) }; 8] };
    /// The one that was given back last.
    static PLAINTEXT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Ciphertext {
    pub(crate) const fn new() -> Self {
        Ciphertext {
            buffer: Vec::new(),
            used: 0,
        }
    }

    /// Lends `work` an empty buffer.
    #[inline]
    pub(crate) fn lend<R>(work: impl FnOnce(&mut Ciphertext) -> R) -> R {
        CIPHERTEXTS.with(|all| {
            let [first, others @ ..] = all;
            if let Ok(mut ciphertext) = first.try_borrow_mut() {
                return ciphertext.lent(work);
            }
            match others.iter().find_map(|one| one.try_borrow_mut().ok()) {
                Some(mut ciphertext) => ciphertext.lent(work),
                None => work(&mut Ciphertext::new()),
            }
        })
    }

    #[inline]
    fn lent<R>(&mut self, work: impl FnOnce(&mut Ciphertext) -> R) -> R {
        // First, since the work of an earlier borrower may have panicked.
        self.used = 0;
        let result = work(self);
        if self.buffer.len() > KEPT {
            self.buffer = Vec::new();
        }
        result
    }

    /// At least `size` bytes to write to, behind those in use.
    pub(crate) fn room(&mut self, size: usize) -> &mut [u8] {
        let needed = self.used + size;
        if self.buffer.len() < needed {
            self.buffer.resize(needed, 0);
        }
        &mut self.buffer[self.used..]
    }

    /// The next `size` bytes are in use.
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

    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }
}

/// Plaintext that waits for the end of the turn, in a buffer of the thread's.
#[derive(Default)]
pub(crate) struct Plaintext {
    bytes: Vec<u8>,
    /// Some of it is a layer's own, which counts against no limit.
    control: bool,
}

impl Plaintext {
    #[inline]
    pub(crate) fn push(&mut self, data: &[u8]) {
        if self.bytes.capacity() == 0 {
            self.bytes = PLAINTEXT.take();
        }
        self.bytes.extend_from_slice(data);
    }

    /// [`push`](Plaintext::push), for the bytes of a layer above.
    pub(crate) fn push_control(&mut self, data: &[u8]) {
        self.push(data);
        self.control = true;
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn is_control(&self) -> bool {
        self.control
    }

    /// Gives the buffer back to the thread.
    #[inline]
    pub(crate) fn recycle(self) {
        let mut buffer = self.bytes;
        if buffer.capacity() <= KEPT {
            buffer.clear();
            // A thread that ends needs none.
            let _ = PLAINTEXT.try_with(|spare| spare.set(buffer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffers_of_the_thread_are_used_again_and_kept_small() {
        let place = |size| {
            Ciphertext::lend(|ciphertext| {
                assert!(ciphertext.is_empty());
                ciphertext.room(size).as_ptr()
            })
        };
        let first = Ciphertext::lend(|outer| {
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
        CIPHERTEXTS.with(|all| assert!(all[0].borrow().buffer.is_empty(), "too large to be kept"));
    }

    #[test]
    fn a_queue_that_is_empty_again_gives_its_buffer_to_the_next() {
        let mut queue = Plaintext::default();
        queue.push(b"something");
        let place = queue.bytes().as_ptr();
        queue.recycle();
        let mut next = Plaintext::default();
        assert!(next.is_empty());
        next.push(b"else");
        assert_eq!((next.bytes(), next.bytes().as_ptr()), (&b"else"[..], place));
    }
}
