use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;

use crate::{Deferred, IntoBoxedError, Promise};

/// Those who wait for something, in the order in which they came, each with a note on how. Whoever
/// is cancelled waits no more.
pub(crate) struct Waiters<T: 'static, E: IntoBoxedError = Infallible, N: 'static = ()> {
    inner: Rc<Inner<T, E, N>>,
}

struct Inner<T: 'static, E: IntoBoxedError, N> {
    next: Cell<u64>,
    /// By their number, so that whoever is cancelled is found in the longest line.
    waiting: RefCell<Line<T, E, N>>,
}

type Line<T, E, N> = BTreeMap<u64, (Promise<T, E>, N)>;

impl<T: 'static, E: IntoBoxedError, N: 'static> Waiters<T, E, N> {
    /// One more, behind all others.
    pub(crate) fn wait(&self, note: N) -> Deferred<T, E> {
        let id = self.inner.next.replace(self.inner.next.get() + 1);
        let inner = Rc::downgrade(&self.inner);
        let (promise, wanted) = Deferred::with_canceller(move |_| {
            if let Some(inner) = inner.upgrade() {
                inner.waiting.borrow_mut().remove(&id);
            }
        });
        self.inner.waiting.borrow_mut().insert(id, (promise, note));
        wanted
    }

    /// Whoever has waited longest, who waits no more.
    pub(crate) fn next(&self) -> Option<Promise<T, E>> {
        let first = self.inner.waiting.borrow_mut().pop_first();
        first.map(|(_, (promise, _))| promise)
    }

    /// All whose note says so, who wait no more.
    pub(crate) fn take_if(&self, mut says_so: impl FnMut(&mut N) -> bool) -> Vec<Promise<T, E>> {
        let mut waiting = self.inner.waiting.borrow_mut();
        let taken = waiting.extract_if(.., |_, (_, note)| says_so(note));
        taken.map(|(_, (promise, _))| promise).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.inner.waiting.borrow().len()
    }
}

impl<T: 'static, E: IntoBoxedError, N: 'static> Default for Waiters<T, E, N> {
    fn default() -> Self {
        Waiters {
            inner: Rc::new(Inner {
                next: Cell::new(0),
                waiting: RefCell::default(),
            }),
        }
    }
}
