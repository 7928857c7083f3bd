use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use retwist_reactor::{Clock, catch_panic};

use super::shared::{Cancel, Shared, Step, cancel, run};
use crate::{Failure, IntoBoxedError, IntoDeferred, Outcome, Promise};

/// A value that is not there yet, with what is to be done when it is.
///
/// ```
/// use retwist_deferred::{Deferred, Failure};
/// use std::num::ParseIntError;
///
/// let (promise, answer) = Deferred::new();
/// let mut answer = answer
///     .map(|text: &str| text.trim())
///     .add_callback(|text| Ok(text.parse::<u32>()?))
///     .add_errback(|failure: Failure<ParseIntError>| match failure {
///         Failure::Error(_) => Ok(0),
///         other => Err(other),
///     });
///
/// promise.callback(" 42 ");
/// assert_eq!(answer.take(), Some(Ok(42)));
/// ```
///
/// Each method that adds a callback takes the Deferred and returns the next one in the chain, of
/// the type that the callback makes. A callback returns a [`Result`], or another Deferred, which is
/// then waited for (its own, it would wait for itself: [`Failure::BrokenPromise`]). It runs when there is an outcome, on the spot: inside [`Promise::callback`], or
/// inside the method that adds it, where the outcome is there already. If it panics, the next one
/// fails with [`Failure::Panicked`].
///
/// It is a [`Future`] too. Dropping it changes nothing: callbacks that were added still run, and a
/// failure that nobody has handled is logged. Only once it has been polled it belongs to the code
/// that awaits it, and is cancelled if it is dropped, like any other future.
pub struct Deferred<T: 'static, E: IntoBoxedError> {
    shared: Rc<Shared<T, E>>,
    awaited: Cell<bool>,
}

impl<T: 'static, E: IntoBoxedError> Deferred<T, E> {
    /// The two halves: who works keeps the promise, who waits gets the Deferred. Cancelled, it
    /// fails with [`Failure::Cancelled`], and the work goes on unheard.
    #[allow(clippy::new_ret_no_self, reason = "it comes with its other half")]
    pub fn new() -> (Promise<T, E>, Self) {
        Deferred::from_shared(Shared::waiting(None))
    }

    /// The two halves, for work that can be cancelled: `canceller` ends it. It may fire the promise
    /// that it is handed; if it does not, the Deferred fails with [`Failure::Cancelled`], or, if it
    /// panics, with [`Failure::Panicked`].
    pub fn with_canceller(
        canceller: impl FnOnce(&Promise<T, E>) + 'static,
    ) -> (Promise<T, E>, Self) {
        Deferred::from_shared(Shared::waiting(Some(Box::new(canceller))))
    }

    fn from_shared(shared: Rc<Shared<T, E>>) -> (Promise<T, E>, Self) {
        (Promise::of(&shared), Deferred::waiting_on(shared))
    }

    fn waiting_on(shared: Rc<Shared<T, E>>) -> Self {
        Deferred {
            shared,
            awaited: Cell::new(false),
        }
    }

    /// One that has fired, with this value.
    pub fn succeed(value: T) -> Self {
        Deferred::from_outcome(Ok(value))
    }

    /// One that has failed, with this error.
    pub fn fail(error: E) -> Self {
        Deferred::from_outcome(Err(Failure::Error(error)))
    }

    /// One that has this outcome.
    pub fn from_outcome(outcome: Outcome<T, E>) -> Self {
        Deferred::waiting_on(Shared::from_outcome(outcome))
    }

    /// Calls `call` with whatever comes. Its value or its error may be of other types.
    #[doc(alias = "addBoth")]
    pub fn add_both<R: IntoDeferred>(
        self,
        call: impl FnOnce(Outcome<T, E>) -> R + 'static,
    ) -> Deferred<R::Value, R::Error> {
        let next = Shared::waiting(None);
        next.waits_for(self.as_cancel());
        let to = next.clone();
        run(self.shared.then(Box::new(move |outcome| {
            match catch_panic(|| call(outcome)) {
                Ok(result) => result.into_deferred().chain_into(to),
                Err(message) => to.resolve(Err(Failure::Panicked(message))),
            }
        })));
        Deferred::waiting_on(next)
    }

    /// Calls `call` with the value; a failure goes past it.
    #[doc(alias = "addCallback")]
    pub fn add_callback<R: IntoDeferred<Error = E>>(
        self,
        call: impl FnOnce(T) -> R + 'static,
    ) -> Deferred<R::Value, E> {
        self.add_both(|outcome| match outcome {
            Ok(value) => call(value).into_deferred(),
            Err(failure) => Deferred::from_outcome(Err(failure)),
        })
    }

    /// Calls `call` with the failure; a value goes past it. ([`add_both`](Deferred::add_both) is
    /// the one that can change the type of the error.)
    #[doc(alias = "addErrback")]
    pub fn add_errback<R: IntoDeferred<Value = T, Error = E>>(
        self,
        call: impl FnOnce(Failure<E>) -> R + 'static,
    ) -> Self {
        self.add_both(|outcome| match outcome {
            Ok(value) => Deferred::succeed(value),
            Err(failure) => call(failure).into_deferred(),
        })
    }

    /// Calls one of the two. What `callback` returns does not go through `errback`.
    #[doc(alias = "addCallbacks")]
    pub fn add_callbacks<R: IntoDeferred, S>(
        self,
        callback: impl FnOnce(T) -> R + 'static,
        errback: impl FnOnce(Failure<E>) -> S + 'static,
    ) -> Deferred<R::Value, R::Error>
    where
        S: IntoDeferred<Value = R::Value, Error = R::Error>,
    {
        self.add_both(|outcome| match outcome {
            Ok(value) => callback(value).into_deferred(),
            Err(failure) => errback(failure).into_deferred(),
        })
    }

    /// The value, changed.
    pub fn map<U: 'static>(self, change: impl FnOnce(T) -> U + 'static) -> Deferred<U, E> {
        self.add_both(|outcome| outcome.map(change))
    }

    /// The error, changed: what [`?`](std::ops::Try) would do on the way from one layer to the
    /// next.
    pub fn map_err<F: IntoBoxedError>(
        self,
        change: impl FnOnce(E) -> F + 'static,
    ) -> Deferred<T, F> {
        self.add_both(|outcome| outcome.map_err(|failure| failure.map(change)))
    }

    /// Calls `call` with whatever comes, at the end of the chain. If that panics, it is logged.
    pub fn done(self, call: impl FnOnce(Outcome<T, E>) + 'static) {
        drop(self.add_both(call));
    }

    /// Fails with [`Failure::TimedOut`], and cancels the work, if there is no outcome `after` this
    /// time. Nothing is left on the clock once there is one.
    #[doc(alias = "addTimeout")]
    pub fn timeout(self, after: Duration, clock: &Clock) -> Self {
        let canceller = self.canceller();
        let timed_out = Rc::new(Cell::new(false));
        let timer = clock.call_later(after, {
            let timed_out = timed_out.clone();
            move || {
                timed_out.set(true);
                canceller.cancel();
            }
        });
        self.add_both(move |outcome| {
            // Gone only if it is what brings the outcome about.
            let _ = timer.cancel();
            match outcome {
                Err(Failure::Cancelled) if timed_out.get() => Err(Failure::TimedOut(after)),
                outcome => outcome,
            }
        })
    }

    /// Ends the work that is waited for, wherever in the chain it is: it fails with
    /// [`Failure::Cancelled`], or as its canceller says. Nothing if it has an outcome.
    pub fn cancel(&self) {
        cancel(self.as_cancel());
    }

    /// What can cancel it when it has been given away.
    pub fn canceller(&self) -> Canceller {
        Canceller(self.as_cancel())
    }

    /// Whether the outcome is there.
    pub fn is_called(&self) -> bool {
        !self.shared.is_waiting()
    }

    /// The outcome, if it is there; it can be taken once.
    #[doc(alias = "successResultOf")]
    #[doc(alias = "failureResultOf")]
    pub fn take(&mut self) -> Option<Outcome<T, E>> {
        self.shared.take()
    }

    fn as_cancel(&self) -> Weak<dyn Cancel> {
        let shared: Rc<dyn Cancel> = self.shared.clone();
        Rc::downgrade(&shared)
    }

    /// The outcome becomes that of `to`.
    fn chain_into(self, to: Rc<Shared<T, E>>) -> Option<Step> {
        if Rc::ptr_eq(&self.shared, &to) {
            log::error!(
                "a callback has returned the Deferred that waits for it: it gets no outcome"
            );
            return to.resolve(Err(Failure::BrokenPromise));
        }
        match self.shared.is_waiting() {
            false => to.resolve(self.shared.take()?),
            true => {
                to.waits_for(self.as_cancel());
                self.shared
                    .then(Box::new(move |outcome| to.resolve(outcome)))
            }
        }
    }
}

impl<T: 'static, E: IntoBoxedError> Future for Deferred<T, E> {
    type Output = Outcome<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.awaited.set(true);
        self.shared.poll(context)
    }
}

impl<T: 'static, E: IntoBoxedError> Drop for Deferred<T, E> {
    fn drop(&mut self) {
        if self.shared.detach() && self.awaited.get() {
            self.cancel();
        }
    }
}

impl<T: 'static, E: IntoBoxedError> fmt::Debug for Deferred<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deferred")
            .field("called", &self.is_called())
            .finish_non_exhaustive()
    }
}

/// Cancels a [`Deferred`] from elsewhere: see [`Deferred::cancel`]. It keeps nothing alive.
#[derive(Clone)]
pub struct Canceller(Weak<dyn Cancel>);

impl Canceller {
    /// As [`Deferred::cancel`].
    pub fn cancel(&self) {
        cancel(self.0.clone());
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Canceller")
    }
}
