use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;

use super::waiters::Waiters;
use crate::{Deferred, IntoDeferred};

/// A limited number of permits, handed out in the order of the requests.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::DeferredSemaphore;
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
    permits: Rc<Permits>,
}

struct Permits {
    free: Cell<usize>,
    waiting: Waiters<Permit>,
    /// `admit` is running: a permit that is dropped meanwhile is seen by that loop.
    admitting: Cell<bool>,
}

/// One permit of a [`DeferredSemaphore`]. Dropping it gives it back.
pub struct Permit {
    permits: Rc<Permits>,
}

impl DeferredSemaphore {
    /// A semaphore with this number of permits. With 0, all requests stay pending.
    pub fn new(permits: usize) -> Self {
        DeferredSemaphore {
            permits: Rc::new(Permits {
                free: Cell::new(permits),
                waiting: Waiters::default(),
                admitting: Cell::new(false),
            }),
        }
    }

    /// Waits for a permit. Cancelling ends the wait.
    pub fn acquire(&self) -> Deferred<Permit, Infallible> {
        let permit = self.permits.waiting.wait(());
        self.permits.admit();
        permit
    }

    /// Calls `call` with a permit, and gives it back when the outcome of the call is there.
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

    /// The number of permits that are free.
    #[doc(alias = "tokens")]
    pub fn free(&self) -> usize {
        self.permits.free.get()
    }

    /// The number of requests that are pending.
    pub fn waiting(&self) -> usize {
        self.permits.waiting.len()
    }
}

impl Permits {
    fn admit(self: &Rc<Self>) {
        if self.admitting.replace(true) {
            return;
        }
        while self.free.get() > 0 {
            let Some(promise) = self.waiting.next() else {
                break;
            };
            self.free.set(self.free.get() - 1);
            // Cancelled just now, it drops the permit, which is then free again.
            promise.fire(Ok(Permit {
                permits: self.clone(),
            }));
        }
        self.admitting.set(false);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.free.set(self.permits.free.get() + 1);
        self.permits.admit();
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
