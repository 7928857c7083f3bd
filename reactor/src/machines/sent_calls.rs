use std::collections::VecDeque;
use std::fmt;

/// A call that waits until something has been sent.
type Call = Box<dyn FnOnce()>;

/// Calls that wait until what was queued before them has gone: what
/// [`Transport::when_sent`](crate::Transport::when_sent) is made of.
///
/// For authors of a channel or a layer with a queue of its own: [`push`](SentCalls::push) in
/// `when_sent`, [`advance`](SentCalls::advance) whenever bytes leave the queue. A channel makes the
/// calls that are due in a turn; a layer hands them to `when_sent` of the transport below.
///
/// Each call waits for a position, counted in bytes that have gone. Only differences matter, so a
/// queue that counts nothing while no call waits is right too.
#[derive(Default)]
pub struct SentCalls {
    gone: u64,
    waiting: VecDeque<(u64, Call)>,
}

impl SentCalls {
    /// `call` waits until the `queued` bytes that are in the queue now have gone.
    pub fn push(&mut self, queued: usize, call: Box<dyn FnOnce()>) {
        self.waiting.push_back((self.gone + queued as u64, call));
    }

    /// `count` bytes have left the queue.
    pub fn advance(&mut self, count: usize) {
        self.gone += count as u64;
    }

    /// Whether no call waits, or is due.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether [`take_due`](SentCalls::take_due) has something to give.
    pub fn is_due(&self) -> bool {
        self.waiting.front().is_some_and(|(at, _)| *at <= self.gone)
    }

    /// The calls that wait no longer, in order. The caller makes them with no borrow held.
    pub fn take_due(&mut self) -> Vec<Box<dyn FnOnce()>> {
        let due = self.waiting.partition_point(|(at, _)| *at <= self.gone);
        self.waiting.drain(..due).map(|(_, call)| call).collect()
    }
}

impl fmt::Debug for SentCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentCalls")
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}
