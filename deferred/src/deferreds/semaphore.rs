use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;

use super::waiters::Waiters;
use crate::{Deferred, IntoDeferred};

/// Lets so many in at a time, and the others in the order in which they came.
///
/// ```
/// use retwist_deferred::DeferredSemaphore;
///
/// let semaphore = DeferredSemaphore::new(1);
/// let mut first = semaphore.acquire();
/// let mut second = semaphore.acquire();
/// let permit = first.take().unwrap().unwrap();
/// assert!(!second.is_called());
/// drop(permit);
/// assert!(second.take().is_some());
/// ```
///
/// A cheap handle: clones are the same semaphore.
#[derive(Clone)]
pub struct DeferredSemaphore {
    inner: Rc<Inner>,
}

struct Inner {
    free: Cell<usize>,
    waiting: Waiters<Permit>,
    /// Somebody is being let in just now: whoever leaves meanwhile makes room, and that one looks.
    admitting: Cell<bool>,
}

/// A place that is taken, until this is dropped.
pub struct Permit {
    inner: Rc<Inner>,
}

impl DeferredSemaphore {
    /// One that lets `places` in. With none, everybody waits for ever.
    pub fn new(places: usize) -> Self {
        DeferredSemaphore {
            inner: Rc::new(Inner {
                free: Cell::new(places),
                waiting: Waiters::default(),
                admitting: Cell::new(false),
            }),
        }
    }

    /// A place, when there is one. Cancelled, it waits no more.
    pub fn acquire(&self) -> Deferred<Permit, Infallible> {
        let permit = self.inner.waiting.wait(());
        self.inner.admit();
        permit
    }

    /// Calls `call` when there is a place, and keeps it until what comes of the call is there.
    pub fn run<R: IntoDeferred>(
        &self,
        call: impl FnOnce() -> R + 'static,
    ) -> Deferred<R::Value, R::Error> {
        self.acquire().add_both(|permit| match permit {
            Ok(permit) => call().into_deferred().add_both(move |outcome| {
                drop(permit);
                outcome
            }),
            Err(failure) => Deferred::from_outcome(Err(failure.map(|never| match never {}))),
        })
    }

    /// How many places are free.
    #[doc(alias = "tokens")]
    pub fn free(&self) -> usize {
        self.inner.free.get()
    }

    /// How many wait for one.
    pub fn waiting(&self) -> usize {
        self.inner.waiting.len()
    }
}

impl Inner {
    fn admit(self: &Rc<Self>) {
        if self.admitting.replace(true) {
            return;
        }
        while self.free.get() > 0 {
            let Some(promise) = self.waiting.next() else {
                break;
            };
            self.free.set(self.free.get() - 1);
            // One that nobody wants is dropped, and makes room.
            promise.fire(Ok(Permit {
                inner: self.clone(),
            }));
        }
        self.admitting.set(false);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.inner.free.set(self.inner.free.get() + 1);
        self.inner.admit();
    }
}

impl fmt::Debug for DeferredSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeferredSemaphore")
            .field("free", &self.free())
            .field("waiting", &self.waiting())
            .finish()
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}
