use std::error::Error;
use std::fmt;
use std::rc::Rc;

use crate::shared::Shared;
use crate::{Failure, Fault, Outcome};

/// The half of a [`Deferred`](crate::Deferred) that fires it, kept by whoever does the work.
///
/// Clones may fire the same Deferred; when the last of them is dropped and none has, it fails with
/// [`Failure::Abandoned`].
pub struct Promise<T: 'static, E: Fault> {
    shared: Rc<Shared<T, E>>,
}

impl<T: 'static, E: Fault> Promise<T, E> {
    pub(crate) fn of(shared: &Rc<Shared<T, E>>) -> Self {
        shared.promises.set(shared.promises.get() + 1);
        Promise {
            shared: shared.clone(),
        }
    }

    /// Here is the value: the callbacks run before this returns.
    ///
    /// Fails, and gives the value back, if there was an outcome already. One exception, once: after
    /// the Deferred was cancelled and had no canceller, the value is dropped, for whoever fires it
    /// could not know.
    pub fn callback(&self, value: T) -> Result<(), AlreadyCalled<T>> {
        match self.shared.fire(Ok(value)) {
            Err(Ok(value)) => Err(AlreadyCalled(value)),
            _ => Ok(()),
        }
    }

    /// It failed: the errbacks run before this returns. Otherwise as
    /// [`callback`](Promise::callback).
    pub fn errback(&self, error: E) -> Result<(), AlreadyCalled<E>> {
        match self.shared.fire(Err(Failure::Error(error))) {
            Err(Err(Failure::Error(error))) => Err(AlreadyCalled(error)),
            _ => Ok(()),
        }
    }

    /// Here is the outcome, as it came from elsewhere. Otherwise as
    /// [`callback`](Promise::callback).
    pub fn fire(&self, outcome: Outcome<T, E>) -> Result<(), AlreadyCalled<Outcome<T, E>>> {
        self.shared.fire(outcome).map_err(AlreadyCalled)
    }

    /// Whether it has been fired or cancelled.
    #[doc(alias = "called")]
    pub fn is_called(&self) -> bool {
        !self.shared.is_waiting()
    }

    /// Whether firing it means anything: false once it has an outcome, and when its Deferred was
    /// dropped without a callback.
    pub fn is_wanted(&self) -> bool {
        !self.is_called() && !self.shared.forsaken.get()
    }
}

impl<T: 'static, E: Fault> Clone for Promise<T, E> {
    fn clone(&self) -> Self {
        Promise::of(&self.shared)
    }
}

impl<T: 'static, E: Fault> Drop for Promise<T, E> {
    fn drop(&mut self) {
        let left = self.shared.promises.get() - 1;
        self.shared.promises.set(left);
        if left == 0 && !self.is_called() {
            // It has no outcome: this one is taken.
            let _ = self.shared.fire(Err(Failure::Abandoned));
        }
    }
}

impl<T: 'static, E: Fault> fmt::Debug for Promise<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise")
            .field("called", &self.is_called())
            .finish()
    }
}

/// A [`Promise`] was fired a second time. What it was to be fired with is given back.
#[doc(alias = "AlreadyCalledError")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AlreadyCalled<V>(pub V);

impl<V> fmt::Debug for AlreadyCalled<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AlreadyCalled")
    }
}

impl<V> fmt::Display for AlreadyCalled<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this Deferred has fired already, and fires once")
    }
}

impl<V> Error for AlreadyCalled<V> {}
