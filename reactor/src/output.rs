use std::cell::{RefCell, RefMut};

/// What was written to one connection and has not been handed to the system yet: one buffer, so
/// that one `send` takes it all.
#[derive(Default)]
pub(crate) struct Output {
    buffer: Vec<u8>,
    /// How much of the front of `buffer` has gone.
    sent: usize,
}

impl Output {
    pub(crate) fn len(&self) -> usize {
        self.buffer.len() - self.sent
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes `data` behind what is there, in a spare buffer if there was none.
    pub(crate) fn push(&mut self, data: &[u8], spare: &Buffers) {
        if self.buffer.capacity() == 0 {
            self.buffer = spare.take_output();
        } else if self.sent > self.buffer.len() / 2 {
            // Moving fewer bytes than have gone since the last time: a constant cost a byte.
            self.buffer.drain(..self.sent);
            self.sent = 0;
        }
        self.buffer.extend_from_slice(data);
    }

    pub(crate) fn front(&self) -> &[u8] {
        &self.buffer[self.sent..]
    }

    /// `count` bytes of the front have gone. When nothing is left, the buffer goes back to the
    /// spare ones.
    pub(crate) fn advance(&mut self, count: usize, spare: &Buffers) {
        self.sent += count;
        if self.is_empty() {
            self.clear(spare);
        }
    }

    pub(crate) fn clear(&mut self, spare: &Buffers) {
        self.sent = 0;
        spare.give_output(std::mem::take(&mut self.buffer));
    }
}

/// Buffers that the connections of one reactor share, so that an idle one holds none and a busy one
/// allocates none.
pub(crate) struct Buffers {
    read: RefCell<Box<[u8]>>,
    /// What the connection whose turn it is has written. Most need no other buffer, and this one is
    /// still in the cache.
    turn: RefCell<Vec<u8>>,
    outputs: RefCell<Vec<Vec<u8>>>,
}

/// The most that one read takes from a connection, in bytes.
const READ: usize = 64 * 1024;
/// Spare output buffers: how many are kept, and up to which size.
const SPARES: usize = 64;
const SPARE_SIZE: usize = 128 * 1024;

impl Buffers {
    pub(crate) fn new() -> Self {
        Buffers {
            read: RefCell::new(vec![0; READ].into_boxed_slice()),
            turn: RefCell::default(),
            outputs: RefCell::default(),
        }
    }

    /// The read buffer; none if it is out.
    #[inline]
    pub(crate) fn read(&self) -> Option<RefMut<'_, Box<[u8]>>> {
        self.read.try_borrow_mut().ok()
    }

    /// What is written by the connection that has the read buffer, until its turn ends. Empty
    /// between turns.
    #[inline]
    pub(crate) fn turn(&self) -> RefMut<'_, Vec<u8>> {
        self.turn.borrow_mut()
    }

    #[inline]
    pub(crate) fn give_back(&self, turn: &mut Vec<u8>) {
        turn.clear();
        if turn.capacity() > SPARE_SIZE {
            turn.shrink_to(SPARE_SIZE);
        }
    }

    fn take_output(&self) -> Vec<u8> {
        self.outputs.borrow_mut().pop().unwrap_or_default()
    }

    fn give_output(&self, mut buffer: Vec<u8>) {
        let mut outputs = self.outputs.borrow_mut();
        if (1..=SPARE_SIZE).contains(&buffer.capacity()) && outputs.len() < SPARES {
            buffer.clear();
            outputs.push(buffer);
        }
    }
}
