use std::cell::{RefCell, RefMut};

/// What was written to one connection and has not been handed to the system yet: one buffer, so
/// that one `send` takes it all.
#[derive(Default)]
pub(crate) struct Output {
    buffer: Vec<u8>,
    /// How much of the front of `buffer` has gone.
    sent: usize,
    /// How many of the bytes that are left count against no limit. Where they lie is not known: as
    /// long as it may be so, they are taken to be the last.
    exempt: usize,
}

impl Output {
    pub(crate) fn len(&self) -> usize {
        self.buffer.len() - self.sent
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes count against the output limit.
    pub(crate) fn counted(&self) -> usize {
        self.len() - self.exempt
    }

    /// The number of bytes pushed last that count against no limit.
    pub(crate) fn exempt(&mut self, count: usize) {
        self.exempt = (self.exempt + count).min(self.len());
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
        self.exempt = self.exempt.min(self.len());
        if self.is_empty() {
            self.clear(spare);
        }
    }

    pub(crate) fn clear(&mut self, spare: &Buffers) {
        self.sent = 0;
        self.exempt = 0;
        spare.give_output(std::mem::take(&mut self.buffer));
    }
}

/// What a connection reads into. There is one per reactor: the connection that is being served
/// borrows it, and its size bounds a single read.
pub(crate) type ReadBuffer = [u8; READ_SIZE];

const READ_SIZE: usize = 64 * 1024;

/// Buffers that the connections of one reactor share, so that an idle one holds none and a busy one
/// allocates none.
pub(crate) struct Buffers {
    read_buffer: RefCell<Box<ReadBuffer>>,
    /// What the connection that is being served has written. Most need no other buffer, and this
    /// one is still in the cache. It does not grow.
    shared_output: RefCell<Vec<u8>>,
    outputs: RefCell<Vec<Vec<u8>>>,
}

/// From this size on, and with nothing before it, a write is sent from where it is: copying it costs
/// more than a send.
pub(crate) const LARGE: usize = 16 * 1024;
/// How many spare output buffers are kept, and up to which size.
const SPARES: usize = 64;
const SPARE_SIZE: usize = 128 * 1024;

impl Buffers {
    pub(crate) fn new() -> Self {
        Buffers {
            read_buffer: RefCell::new(Box::new([0; READ_SIZE])),
            shared_output: RefCell::new(Vec::with_capacity(LARGE)),
            outputs: RefCell::default(),
        }
    }

    /// Where to read to; None while a connection has it.
    #[inline]
    pub(crate) fn read_buffer(&self) -> Option<RefMut<'_, Box<ReadBuffer>>> {
        self.read_buffer.try_borrow_mut().ok()
    }

    /// What is written by the connection that has the read buffer, until its turn ends. Empty
    /// between turns.
    #[inline]
    pub(crate) fn shared_output(&self) -> RefMut<'_, Vec<u8>> {
        self.shared_output.borrow_mut()
    }

    /// Takes `data` for this turn; false if it does not fit, or is [`LARGE`].
    #[inline]
    pub(crate) fn append_shared(&self, data: &[u8]) -> bool {
        let mut output = self.shared_output.borrow_mut();
        let fits = data.len() < output.capacity() - output.len();
        if fits {
            output.extend_from_slice(data);
        }
        fits
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
