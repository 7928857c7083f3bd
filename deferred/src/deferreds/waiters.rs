use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;

use crate::{Deferred, IntoBoxedError, Promise};

/// Promises in the order in which they were asked for, each with a note. A Deferred that is
/// cancelled takes its promise away.
pub(crate) struct Waiters<T: 'static, E: IntoBoxedError = Infallible, N: 'static = ()> {
    line: Rc<Line<T, E, N>>,
}

struct Line<T: 'static, E: IntoBoxedError, N> {
    next: Cell<u64>,
    /// By number, so that a cancelled one is found quickly in the longest line.
    waiting: RefCell<Numbered<T, E, N>>,
}

type Numbered<T, E, N> = BTreeMap<u64, (Promise<T, E>, N)>;

impl<T: 'static, E: IntoBoxedError, N: 'static> Waiters<T, E, N> {
    /// Adds one, behind all others.
    pub(crate) fn wait(&self, note: N) -> Deferred<T, E> {
        let id = self.line.next.replace(self.line.next.get() + 1);
        let line = Rc::downgrade(&self.line);
        let (promise, wanted) = Deferred::with_canceller(move |_| {
            if let Some(line) = line.upgrade() {
                line.waiting.borrow_mut().remove(&id);
            }
        });
        self.line.waiting.borrow_mut().insert(id, (promise, note));
        wanted
    }

    /// Takes the one that has waited longest.
    pub(crate) fn next(&self) -> Option<Promise<T, E>> {
        let first = self.line.waiting.borrow_mut().pop_first();
        first.map(|(_, (promise, _))| promise)
    }

    /// Takes all with a note that `says_so`.
    pub(crate) fn take_if(&self, mut says_so: impl FnMut(&mut N) -> bool) -> Vec<Promise<T, E>> {
        let mut waiting = self.line.waiting.borrow_mut();
        let those = waiting.iter_mut();
        let those = those.filter_map(|(id, (_, note))| says_so(note).then_some(*id));
        let those: Vec<u64> = those.collect();
        let taken = those.iter().filter_map(|id| waiting.remove(id));
        taken.map(|(promise, _)| promise).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.line.waiting.borrow().len()
    }
}

impl<T: 'static, E: IntoBoxedError, N: 'static> Default for Waiters<T, E, N> {
    fn default() -> Self {
        Waiters {
            line: Rc::new(Line {
                next: Cell::new(0),
                waiting: RefCell::default(),
            }),
        }
    }
}
