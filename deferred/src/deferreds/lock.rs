use std::convert::Infallible;

use crate::{Deferred, DeferredSemaphore, IntoDeferred, Permit};

/// Lets one in at a time, and the others in the order in which they came: a [`DeferredSemaphore`]
/// with one place. Clones are the same lock.
#[derive(Clone, Debug)]
pub struct DeferredLock {
    semaphore: DeferredSemaphore,
}

impl DeferredLock {
    /// One that is free.
    #[allow(clippy::new_without_default, reason = "a lock is made on purpose")]
    pub fn new() -> Self {
        DeferredLock {
            semaphore: DeferredSemaphore::new(1),
        }
    }

    /// The lock, when it is free; dropping the permit frees it. Cancelled, it waits no more.
    pub fn acquire(&self) -> Deferred<Permit, Infallible> {
        self.semaphore.acquire()
    }

    /// Calls `call` when it is free, and keeps it until what comes of the call is there.
    pub fn run<R: IntoDeferred>(
        &self,
        call: impl FnOnce() -> R + 'static,
    ) -> Deferred<R::Value, R::Error> {
        self.semaphore.run(call)
    }

    /// Whether somebody has it.
    #[doc(alias = "locked")]
    pub fn is_locked(&self) -> bool {
        self.semaphore.free() == 0
    }

    /// How many wait for it.
    pub fn waiting(&self) -> usize {
        self.semaphore.waiting()
    }
}
