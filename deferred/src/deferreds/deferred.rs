use std::cell::Cell;
use std::fmt;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use retwist_reactor::{Clock, catch_panic};

use super::shared::{Cancel, Shared, Step, cancel, run};
use crate::{Failure, Interrupted, IntoBoxedError, IntoDeferred, Outcome, Promise};

/// A value that is not there yet, and what to do when it comes.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::{Deferred, Failure};
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
/// Each method that adds a callback takes the Deferred and returns the next one in the chain, with
/// the type that the callback makes. A callback returns a [`Result`], or another Deferred, which
/// the chain then waits for. It runs as soon as there is an outcome: inside [`Promise::callback`],
/// or inside the method that adds it if the outcome is there already. If it panics, the next
/// callback gets [`Failure::Panicked`]. A callback that returns the Deferred that waits for it gets
/// [`Failure::BrokenPromise`].
///
/// A Deferred is a [`Future`] too. Dropping it changes nothing: its callbacks still run, and a
/// failure that no callback has handled is logged. But once it has been polled it behaves as any
/// future: dropping it cancels the work.
pub struct Deferred<T: 'static, E: IntoBoxedError> {
    shared: Rc<Shared<T, E>>,
    awaited: Cell<bool>,
}

impl<T: 'static, E: IntoBoxedError> Deferred<T, E> {
    /// The two halves: the code that does the work keeps the promise, the code that waits gets the
    /// Deferred. If that is cancelled, it fails with [`Failure::Cancelled`]; the work goes on, and
    /// its outcome is dropped.
    #[allow(clippy::new_ret_no_self, reason = "it comes with its other half")]
    pub fn new() -> (Promise<T, E>, Self) {
        Deferred::from_shared(Shared::waiting(None))
    }

    /// The two halves, for work that can be cancelled: `canceller` ends it. The canceller may fire
    /// the promise that it is handed; otherwise the Deferred fails with [`Failure::Cancelled`], or
    /// with [`Failure::Panicked`] if the canceller panics.
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

    /// A Deferred that has succeeded with this value.
    pub fn succeed(value: T) -> Self {
        Deferred::from_outcome(Ok(value))
    }

    /// A Deferred that has failed with this error.
    pub fn fail(error: E) -> Self {
        Deferred::from_outcome(Err(Failure::Error(error)))
    }

    /// A Deferred that has this outcome.
    pub fn from_outcome(outcome: Outcome<T, E>) -> Self {
        Deferred::waiting_on(Shared::from_outcome(outcome))
    }

    /// Adds a callback for the value and the failure. Its result may have other types.
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

    /// Adds a callback for the value. A failure skips it.
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

    /// Adds a callback for the failure. A value skips it. Use [`add_both`](Deferred::add_both) to
    /// change the type of the error too.
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

    /// Adds a callback for each case. A failure of `callback` does not go through `errback`.
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

    /// Changes the value.
    pub fn map<U: 'static>(self, change: impl FnOnce(T) -> U + 'static) -> Deferred<U, E> {
        self.add_both(|outcome| outcome.map(change))
    }

    /// Changes the error, as [`?`](std::ops::Try) does between two layers of a program.
    pub fn map_err<F: IntoBoxedError>(
        self,
        change: impl FnOnce(E) -> F + 'static,
    ) -> Deferred<T, F> {
        self.add_both(|outcome| outcome.map_err(|failure| failure.map(change)))
    }

    /// Ends the chain: calls `call` with the outcome. A panic in it is logged.
    pub fn done(self, call: impl FnOnce(Outcome<T, E>) + 'static) {
        drop(self.add_both(call));
    }

    /// Cancels the work and fails with [`Failure::TimedOut`] if there is no outcome within `after`,
    /// or with [`Failure::ReactorEnded`] if the reactor ends first, or has ended. An outcome takes the
    /// timer off the clock.
    #[doc(alias = "addTimeout")]
    pub fn timeout(self, after: Duration, clock: &Clock) -> Self {
        let interrupted = Rc::new(Cell::new(None));
        let mut alarm = Alarm {
            canceller: Some(self.canceller()),
            interrupted: interrupted.clone(),
        };
        let timer = clock.call_later(after, move || alarm.go_off(Interrupted::TimedOut(after)));
        self.add_both(move |outcome| {
            timer.cancel();
            match (outcome, interrupted.take()) {
                (Err(Failure::Cancelled), Some(how)) => Err(how.into_failure()),
                (outcome, _) => outcome,
            }
        })
    }

    /// Cancels the work that the chain waits for. That work fails with [`Failure::Cancelled`], or
    /// as its canceller decides. Does nothing once there is an outcome.
    pub fn cancel(&self) {
        cancel(self.as_cancel());
    }

    /// A handle that cancels this Deferred after it has been given away.
    pub fn canceller(&self) -> Canceller {
        Canceller(self.as_cancel())
    }

    /// Returns true once there is an outcome.
    pub fn is_called(&self) -> bool {
        !self.shared.is_waiting()
    }

    /// Takes the outcome, if it is there. A second call gets [`Failure::BrokenPromise`].
    #[doc(alias = "successResultOf")]
    #[doc(alias = "failureResultOf")]
    pub fn take(&mut self) -> Option<Outcome<T, E>> {
        self.shared.take()
    }

    fn as_cancel(&self) -> Weak<dyn Cancel> {
        let shared: Rc<dyn Cancel> = self.shared.clone();
        Rc::downgrade(&shared)
    }

    /// Makes the outcome of this Deferred that of `to`.
    fn chain_into(self, to: Rc<Shared<T, E>>) -> Option<Step> {
        if Rc::ptr_eq(&self.shared, &to) {
            log::error!(
                "a callback returned the Deferred that waits for it, which would never fire"
            );
            return to.resolve(Err(Failure::BrokenPromise));
        }
        if self.shared.is_waiting() {
            to.waits_for(self.as_cancel());
            self.shared
                .then(Box::new(move |outcome| to.resolve(outcome)))
        } else {
            to.resolve(self.shared.take()?)
        }
    }
}

impl<T: 'static, E: IntoBoxedError> Deferred<T, Failure<E>>
where
    Failure<E>: IntoBoxedError,
{
    /// Two levels of failure as one: for a task or a job that itself returns a
    /// `Result<_, Failure<_>>`, because it waits for Deferreds.
    ///
    /// ```
    /// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
    /// use retwist::deferred::{Deferred, Executor, Failure};
    /// use retwist::testing::ManualClock;
    /// use std::io;
    ///
    /// async fn double(number: Deferred<u8, io::Error>) -> Result<u8, Failure<io::Error>> {
    ///     Ok(number.await? * 2)
    /// }
    ///
    /// let clock = ManualClock::new();
    /// let executor = Executor::on_clock(&clock);
    /// let task: Deferred<u8, io::Error> = executor.spawn(double(Deferred::succeed(4))).flatten();
    /// # drop(task);
    /// ```
    pub fn flatten(self) -> Deferred<T, E> {
        self.add_both(|outcome| outcome.map_err(Failure::flatten))
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

/// The timer of a timeout. If the clock drops it before its time, the reactor has ended.
struct Alarm {
    /// `None` once it has gone off.
    canceller: Option<Canceller>,
    interrupted: Rc<Cell<Option<Interrupted>>>,
}

impl Alarm {
    fn go_off(&mut self, how: Interrupted) {
        let canceller = self.canceller.take();
        if let Some(canceller) = canceller.filter(Canceller::is_waiting) {
            self.interrupted.set(Some(how));
            canceller.cancel();
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.go_off(Interrupted::ReactorEnded);
    }
}

/// Cancels a [`Deferred`] that other code has: see [`Deferred::cancel`]. It keeps nothing alive.
#[derive(Clone)]
pub struct Canceller(Weak<dyn Cancel>);

impl Canceller {
    /// Returns true while there is no outcome.
    fn is_waiting(&self) -> bool {
        self.0.upgrade().is_some_and(|cancel| cancel.is_waiting())
    }

    /// See [`Deferred::cancel`].
    pub fn cancel(&self) {
        cancel(self.0.clone());
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Canceller")
    }
}
