use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;

use crate::{Deferred, Promise};

/// Those who wait for something, in the order in which they came. Whoever is cancelled waits no
/// more.
pub(crate) struct Waiters<T: 'static> {
    inner: Rc<Inner<T>>,
}

struct Inner<T: 'static> {
    next: Cell<u64>,
    waiting: RefCell<VecDeque<(u64, Promise<T, Infallible>)>>,
}

impl<T: 'static> Waiters<T> {
    /// One more, behind all others.
    pub(crate) fn wait(&self) -> Deferred<T, Infallible> {
        let id = self.inner.next.replace(self.inner.next.get() + 1);
        let inner = Rc::downgrade(&self.inner);
        let (promise, wanted) = Deferred::with_canceller(move |_| {
            if let Some(inner) = inner.upgrade() {
                let mut waiting = inner.waiting.borrow_mut();
                waiting.retain(|(waiting, _)| *waiting != id);
            }
        });
        self.inner.waiting.borrow_mut().push_back((id, promise));
        wanted
    }

    /// Whoever has waited longest, who waits no more.
    pub(crate) fn next(&self) -> Option<Promise<T, Infallible>> {
        let first = self.inner.waiting.borrow_mut().pop_front();
        first.map(|(_, promise)| promise)
    }

    pub(crate) fn len(&self) -> usize {
        self.inner.waiting.borrow().len()
    }
}

impl<T> Default for Waiters<T> {
    fn default() -> Self {
        Waiters {
            inner: Rc::new(Inner {
                next: Cell::new(0),
                waiting: RefCell::default(),
            }),
        }
    }
}
