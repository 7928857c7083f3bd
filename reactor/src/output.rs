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

    /// So many of the bytes that were pushed last count against no limit.
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

/// What a connection reads into: the most that one read takes from it. There is one a reactor, and
/// whoever has it has the turn.
pub(crate) type Room = [u8; 64 * 1024];

/// Buffers that the connections of one reactor share, so that an idle one holds none and a busy one
/// allocates none.
pub(crate) struct Buffers {
    room: RefCell<Box<Room>>,
    /// What the connection whose turn it is has written. Most need no other buffer, and this one is
    /// still in the cache. It does not grow.
    turn: RefCell<Vec<u8>>,
    outputs: RefCell<Vec<Vec<u8>>>,
}

/// So many bytes at once, and nothing before them, are sent from where they are, since copying them
/// costs more than a send.
pub(crate) const LARGE: usize = 16 * 1024;
/// Spare output buffers: how many are kept, and up to which size.
const SPARES: usize = 64;
const SPARE_SIZE: usize = 128 * 1024;

impl Buffers {
    pub(crate) fn new() -> Self {
        Buffers {
            room: RefCell::new(Box::new([0; _])),
            turn: RefCell::new(Vec::with_capacity(LARGE)),
            outputs: RefCell::default(),
        }
    }

    /// Where to read to; none if somebody has it.
    #[inline]
    pub(crate) fn room(&self) -> Option<RefMut<'_, Box<Room>>> {
        self.room.try_borrow_mut().ok()
    }

    /// What is written by the connection that has the room, until its turn ends. Empty
    /// between turns.
    #[inline]
    pub(crate) fn turn(&self) -> RefMut<'_, Vec<u8>> {
        self.turn.borrow_mut()
    }

    /// Takes `data` for this turn; false if it does not fit, or is [`LARGE`].
    #[inline]
    pub(crate) fn gather(&self, data: &[u8]) -> bool {
        let mut turn = self.turn.borrow_mut();
        let fits = data.len() < turn.capacity() - turn.len();
        if fits {
            turn.extend_from_slice(data);
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
