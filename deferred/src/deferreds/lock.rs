use std::convert::Infallible;

use crate::{Deferred, DeferredSemaphore, IntoDeferred, Permit};

/// A lock with one holder at a time, in the order of the requests: a [`DeferredSemaphore`] with one
/// permit. Clones are the same lock.
#[derive(Clone, Debug)]
pub struct DeferredLock {
    semaphore: DeferredSemaphore,
}

impl DeferredLock {
    /// A lock that is free.
    #[allow(clippy::new_without_default, reason = "a lock is made on purpose")]
    pub fn new() -> Self {
        DeferredLock {
            semaphore: DeferredSemaphore::new(1),
        }
    }

    /// Waits for the lock. Dropping the permit frees it. Cancelling ends the wait.
    pub fn acquire(&self) -> Deferred<Permit, Infallible> {
        self.semaphore.acquire()
    }

    /// Calls `call` with the lock, and frees it when the outcome of the call is there.
    pub fn run<R: IntoDeferred>(
        &self,
        call: impl FnOnce() -> R + 'static,
    ) -> Deferred<R::Value, R::Error> {
        self.semaphore.run(call)
    }

    /// Returns true while there is a holder.
    #[doc(alias = "locked")]
    pub fn is_locked(&self) -> bool {
        self.semaphore.free() == 0
    }

    /// The number of requests that are pending.
    pub fn waiting(&self) -> usize {
        self.semaphore.waiting()
    }
}
