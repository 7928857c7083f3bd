use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::rc::Rc;

use super::shared::Shared;
use crate::{Failure, IntoBoxedError, Outcome};

/// The half of a [`Deferred`](crate::Deferred) that fires it. The code that does the work keeps it.
///
/// A Deferred fires once. Clones are promises of the same Deferred; when the last one is dropped
/// without an outcome, the Deferred fails with [`Failure::BrokenPromise`].
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::{Deferred, Failure, Promise};
/// use std::num::ParseIntError;
///
/// /// Asks for a number; whatever brings the answer keeps the promise.
/// fn ask() -> (Promise<u32, ParseIntError>, Deferred<u32, ParseIntError>) {
///     Deferred::new()
/// }
///
/// let (promise, mut answer) = ask();
/// assert!(promise.callback(42)); // false if it had an outcome already
/// assert_eq!(answer.take(), Some(Ok(42)));
///
/// let (promise, mut answer) = ask();
/// drop(promise); // no code can keep it now
/// assert!(matches!(answer.take(), Some(Err(Failure::BrokenPromise))));
/// ```
pub struct Promise<T: 'static, E: IntoBoxedError> {
    shared: Rc<Shared<T, E>>,
}

impl<T: 'static, E: IntoBoxedError> Promise<T, E> {
    pub(super) fn of(shared: &Rc<Shared<T, E>>) -> Self {
        shared.promises.set(shared.promises.get() + 1);
        Promise {
            shared: shared.clone(),
        }
    }

    /// Fires with a value. The callbacks run before this returns.
    ///
    /// If there is an outcome already, this drops the value, says so in the log with the place of
    /// the call, and returns false. Exception: if a Deferred without a canceller was
    /// cancelled, the work could not know. Then the first call drops the value without a line in the log,
    /// and returns true.
    #[track_caller]
    pub fn callback(&self, value: T) -> bool {
        let fired = self.fire(Ok(value));
        log_if_late(fired, Location::caller())
    }

    /// Fires with an error. The errbacks run before this returns. Otherwise as
    /// [`callback`](Promise::callback).
    #[track_caller]
    pub fn errback(&self, error: E) -> bool {
        let fired = self.fire(Err(Failure::Error(error)));
        log_if_late(fired, Location::caller())
    }

    /// Fires with an outcome. Returns false, and drops the outcome, if there is one already: for
    /// code that may lose a race against a cancellation.
    pub fn fire(&self, outcome: Outcome<T, E>) -> bool {
        self.try_fire(outcome).is_ok()
    }

    /// As [`fire`](Promise::fire), but gives the outcome back if there is one already.
    pub fn try_fire(&self, outcome: Outcome<T, E>) -> Result<(), AlreadyCalled<Outcome<T, E>>> {
        self.shared.fire(outcome).map_err(AlreadyCalled)
    }

    /// Returns true once there is an outcome, a cancellation included.
    #[doc(alias = "called")]
    pub fn is_called(&self) -> bool {
        !self.shared.is_waiting()
    }

    /// Returns true while the outcome can still reach a receiver: false once there is an outcome,
    /// and false after the Deferred was dropped without a callback.
    pub fn is_wanted(&self) -> bool {
        !self.is_called() && !self.shared.detached.get()
    }
}

fn log_if_late(fired: bool, caller: &Location<'_>) -> bool {
    if !fired {
        log::warn!(
            "{}; dropped what came second, at {caller}",
            AlreadyCalled(())
        );
    }
    fired
}

impl<T: 'static, E: IntoBoxedError> Clone for Promise<T, E> {
    fn clone(&self) -> Self {
        Promise::of(&self.shared)
    }
}

impl<T: 'static, E: IntoBoxedError> Drop for Promise<T, E> {
    fn drop(&mut self) {
        let left = self.shared.promises.get() - 1;
        self.shared.promises.set(left);
        if left == 0 && !self.is_called() {
            self.fire(Err(Failure::BrokenPromise));
        }
    }
}

impl<T: 'static, E: IntoBoxedError> fmt::Debug for Promise<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise")
            .field("called", &self.is_called())
            .finish()
    }
}

/// A [`Promise`] has fired before. Holds the outcome that came second.
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
