use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use super::waiters::Waiters;
use crate::{AlreadyCalled, Deferred};

/// A queue of items. `get` waits for an item if the queue is empty. Items and requests are served in
/// order.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::DeferredQueue;
///
/// let queue = DeferredQueue::new(100);
/// let mut early = queue.get();
/// queue.put("one").unwrap();
/// queue.put("two").unwrap();
/// assert_eq!(early.take(), Some(Ok("one")));
/// assert_eq!(queue.get().take(), Some(Ok("two")));
/// ```
///
/// A cheap handle: clones are the same queue.
pub struct DeferredQueue<T: 'static> {
    items: Rc<Items<T>>,
}

struct Items<T: 'static> {
    size: usize,
    waiting: Waiters<T>,
    pending: RefCell<VecDeque<T>>,
}

impl<T: 'static> DeferredQueue<T> {
    /// A queue that holds at most `size` items.
    pub fn new(size: usize) -> Self {
        DeferredQueue {
            items: Rc::new(Items {
                size,
                waiting: Waiters::default(),
                pending: RefCell::default(),
            }),
        }
    }

    /// Hands `item` to the oldest request, before this returns, or stores it. Gives the item back
    /// if the queue is full.
    pub fn put(&self, item: T) -> Result<(), QueueOverflow<T>> {
        let mut item = item;
        while let Some(promise) = self.items.waiting.next() {
            if !promise.is_wanted() {
                continue;
            }
            match promise.try_fire(Ok(item)) {
                Err(AlreadyCalled(Ok(refused))) => item = refused,
                _ => return Ok(()),
            }
        }
        let mut pending = self.items.pending.borrow_mut();
        if pending.len() >= self.items.size {
            return Err(QueueOverflow(item));
        }
        pending.push_back(item);
        Ok(())
    }

    /// Takes the oldest item, or waits for the next one. Cancelling ends the wait.
    ///
    /// The Deferred owns its item: if it is dropped with one inside, that item is gone.
    pub fn get(&self) -> Deferred<T, Infallible> {
        let oldest = self.items.pending.borrow_mut().pop_front();
        match oldest {
            Some(item) => Deferred::succeed(item),
            None => self.items.waiting.wait(()),
        }
    }

    /// The number of items in the queue.
    pub fn len(&self) -> usize {
        self.items.pending.borrow().len()
    }

    /// Returns true if there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Clone for DeferredQueue<T> {
    fn clone(&self) -> Self {
        DeferredQueue {
            items: self.items.clone(),
        }
    }
}

impl<T> fmt::Debug for DeferredQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredQueue")
            .field("items", &self.len())
            .field("waiting", &self.items.waiting.len())
            .finish()
    }
}

/// The [`DeferredQueue`] is full. Holds the item that did not fit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct QueueOverflow<T>(pub T);

impl<T> fmt::Debug for QueueOverflow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QueueOverflow")
    }
}

impl<T> fmt::Display for QueueOverflow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue is full")
    }
}

impl<T> Error for QueueOverflow<T> {}
