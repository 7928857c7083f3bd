use std::collections::VecDeque;

use crate::Address;

/// Datagrams that wait in order: to be sent, or to be delivered. All bytes are in one buffer, so that
/// a queue in use allocates nothing.
#[derive(Default)]
pub(crate) struct DatagramQueue {
    bytes: Vec<u8>,
    /// How much of the front of `bytes` has gone.
    gone: usize,
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    length: usize,
    address: Option<Address>,
}

/// What a datagram counts for beside its bytes, so that empty ones are bounded too.
const OVERHEAD: usize = 64;

impl DatagramQueue {
    /// What one datagram of this length adds to [`cost`](DatagramQueue::cost).
    pub(crate) fn cost_of(length: usize) -> usize {
        length + OVERHEAD
    }

    /// The bytes that wait, and an overhead for each datagram.
    pub(crate) fn cost(&self) -> usize {
        self.bytes() + self.len() * OVERHEAD
    }

    /// The bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len() - self.gone
    }

    /// How many datagrams wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn push(&mut self, data: &[u8], address: Option<Address>) {
        if self.gone > self.bytes.len() / 2 {
            // Moving fewer bytes than have gone since the last time: a constant cost a byte.
            self.bytes.drain(..self.gone);
            self.gone = 0;
        }
        self.bytes.extend_from_slice(data);
        self.waiting.push_back(Waiting {
            length: data.len(),
            address,
        });
    }

    pub(crate) fn front(&self) -> Option<(&[u8], Option<&Address>)> {
        self.iter().next()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&Address>)> {
        let mut rest = &self.bytes[self.gone..];
        self.waiting.iter().map(move |waiting| {
            let (data, behind) = rest.split_at(waiting.length);
            rest = behind;
            (data, waiting.address.as_ref())
        })
    }

    /// The first `count` have gone.
    pub(crate) fn advance(&mut self, count: usize) {
        for waiting in self.waiting.drain(..count) {
            self.gone += waiting.length;
        }
        if self.waiting.is_empty() {
            self.clear();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.waiting.clear();
        self.gone = 0;
    }
}

/// Queues that the ports of one reactor share, so that an idle one holds no buffer and a busy one
/// allocates none.
#[derive(Default)]
#[allow(
    clippy::vec_box,
    reason = "a queue is moved for each datagram that comes alone"
)]
pub(crate) struct SpareQueues(Vec<Box<DatagramQueue>>);

/// How many are kept, and up to which size, in bytes and in datagrams.
const SPARES: usize = 16;
const SPARE_SIZE: usize = 128 * 1024;
const SPARE_LENGTH: usize = 4096;

impl SpareQueues {
    pub(crate) fn take(&mut self) -> Box<DatagramQueue> {
        self.0.pop().unwrap_or_default()
    }

    /// Takes back an empty queue.
    pub(crate) fn give(&mut self, queue: Box<DatagramQueue>) {
        if queue.is_empty()
            && queue.bytes.capacity() <= SPARE_SIZE
            && queue.waiting.capacity() <= SPARE_LENGTH
            && self.0.len() < SPARES
        {
            self.0.push(queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_order_and_whole() {
        let mut queue = DatagramQueue::default();
        let mut sent = 0_u32;
        let mut received = 0_u32;
        for round in 0..200_u32 {
            for _ in 0..round % 7 {
                let length = (sent % 5) as usize;
                queue.push(&sent.to_be_bytes()[..length.min(4)], None);
                sent += 1;
            }
            for _ in 0..(round % 6).min(queue.len() as u32) {
                let length = (received % 5) as usize;
                let (data, _) = queue.front().unwrap();
                assert_eq!(data, &received.to_be_bytes()[..length.min(4)]);
                queue.advance(1);
                received += 1;
            }
        }
        assert_eq!(queue.len() as u32, sent - received);
        queue.advance(queue.len());
        assert_eq!((queue.bytes(), queue.cost()), (0, 0));
    }

    #[test]
    fn empty_ones_count() {
        let mut queue = DatagramQueue::default();
        queue.push(b"", None);
        assert_eq!((queue.bytes(), queue.len(), queue.cost()), (0, 1, OVERHEAD));
    }
}
