use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::rc::Rc;

use super::waiters::Waiters;
use crate::{AlreadyCalled, Deferred};

/// Things that wait for somebody to get them, or people who wait for things: first come, first
/// served, on either side.
///
/// ```
/// use retwist_deferred::DeferredQueue;
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
    inner: Rc<Inner<T>>,
}

struct Inner<T: 'static> {
    size: usize,
    waiting: Waiters<T>,
    things: RefCell<VecDeque<T>>,
}

impl<T: 'static> DeferredQueue<T> {
    /// A queue in which up to `size` things may wait.
    pub fn new(size: usize) -> Self {
        DeferredQueue {
            inner: Rc::new(Inner {
                size,
                waiting: Waiters::default(),
                things: RefCell::default(),
            }),
        }
    }

    /// Gives `thing` to whoever has waited longest, before this returns, or lets it wait.
    pub fn put(&self, thing: T) -> Result<(), QueueOverflow<T>> {
        let mut thing = thing;
        while let Some(promise) = self.inner.waiting.next() {
            if !promise.is_wanted() {
                continue;
            }
            match promise.try_fire(Ok(thing)) {
                Err(AlreadyCalled(Ok(refused))) => thing = refused,
                _ => return Ok(()),
            }
        }
        let mut things = self.inner.things.borrow_mut();
        if things.len() >= self.inner.size {
            return Err(QueueOverflow(thing));
        }
        things.push_back(thing);
        Ok(())
    }

    /// The thing that has waited longest, or the next one that comes. Cancelled, it waits no more.
    ///
    /// A thing that has come is this Deferred's: dropped without a look at it, they go together.
    pub fn get(&self) -> Deferred<T, Infallible> {
        let thing = self.inner.things.borrow_mut().pop_front();
        match thing {
            Some(thing) => Deferred::succeed(thing),
            None => self.inner.waiting.wait(()),
        }
    }

    /// How many things wait.
    pub fn len(&self) -> usize {
        self.inner.things.borrow().len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Clone for DeferredQueue<T> {
    fn clone(&self) -> Self {
        DeferredQueue {
            inner: self.inner.clone(),
        }
    }
}

impl<T> fmt::Debug for DeferredQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredQueue")
            .field("things", &self.len())
            .field("waiting", &self.inner.waiting.len())
            .finish()
    }
}

/// As many things wait in a [`DeferredQueue`] as may; this one is given back.
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
