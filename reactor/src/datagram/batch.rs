use crate::Address;

/// Where the datagrams of one receive go: one slot each. There is one batch a reactor, and the port
/// that is served borrows it.
pub(crate) struct Batch {
    bytes: Box<[u8]>,
    received: Vec<Received>,
}

/// What a receive may write to: slots [`STRIDE`] apart, of `length` bytes.
pub(crate) struct Slots<'a> {
    pub(crate) bytes: &'a mut [u8],
    /// Where it notes what has come, slot by slot.
    pub(crate) received: &'a mut Vec<Received>,
    pub(crate) length: usize,
}

/// One datagram of a batch.
pub(crate) struct Received {
    pub(crate) length: usize,
    pub(crate) from: Address,
}

/// How many datagrams one receive takes at most.
pub(crate) const SLOTS: usize = 64;

/// From one slot to the next: what the longest datagram takes, one byte to see that one was longer
/// still, and one line of the cache, since slots a power of two apart would share its sets.
pub(crate) const STRIDE: usize = 64 * 1024 + 64;

impl Slots<'_> {
    /// Takes a datagram into the next slot, for a wire that has it already.
    pub(crate) fn put(&mut self, data: &[u8], from: Address) {
        let start = self.received.len() * STRIDE;
        let length = data.len().min(self.length);
        if let Some(slot) = self.bytes.get_mut(start..start + length) {
            slot.copy_from_slice(&data[..length]);
            self.received.push(Received { length, from });
        }
    }
}

impl Batch {
    /// A batch of [`SLOTS`] slots. Only what datagrams really fill takes up memory: the rest of the
    /// zeros is never touched.
    pub(crate) fn new() -> Self {
        Batch {
            bytes: vec![0; SLOTS * STRIDE].into_boxed_slice(),
            received: Vec::with_capacity(SLOTS),
        }
    }

    /// Empties the batch for a receive.
    pub(crate) fn begin(&mut self, length: usize) -> Slots<'_> {
        self.received.clear();
        Slots {
            bytes: &mut self.bytes,
            received: &mut self.received,
            length: length.min(STRIDE),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.received.len()
    }

    pub(crate) fn get(&self, index: usize) -> (&[u8], &Address) {
        let Received { length, from } = &self.received[index];
        let start = index * STRIDE;
        (&self.bytes[start..start + length], from)
    }
}
