use std::convert::Infallible;

use retwist_reactor::catch_panic;

use crate::{Deferred, Failure, IntoBoxedError, Value};

/// The results of callbacks: a [`Result`] with a [`Failure`] (to which `?` converts an error),
/// another [`Deferred`], whose outcome becomes that of the chain, nothing, or a [`Value`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a callback may return",
    label = "neither a `Result<_, Failure<_>>`, nor a `Deferred`, nor `()`",
    note = "a callback that only changes the value goes to `map`: `deferred.map(|x| x + 1)`",
    note = "one that can fail returns a `Result`: `deferred.add_callback(|x| Ok(parse(x)?))`"
)]
pub trait IntoDeferred {
    /// The type of the value.
    type Value: 'static;
    /// The type of the error.
    type Error: IntoBoxedError;

    /// The result as a Deferred.
    fn into_deferred(self) -> Deferred<Self::Value, Self::Error>;
}

/// Calls `call` now, and makes a Deferred of its result. A panic is [`Failure::Panicked`].
#[doc(alias = "maybeDeferred")]
pub fn maybe_deferred<R: IntoDeferred>(call: impl FnOnce() -> R) -> Deferred<R::Value, R::Error> {
    catch_panic(|| call().into_deferred())
        .unwrap_or_else(|message| Deferred::from_outcome(Err(Failure::Panicked(message))))
}

impl<T: 'static, E: IntoBoxedError> IntoDeferred for Result<T, Failure<E>> {
    type Value = T;
    type Error = E;

    fn into_deferred(self) -> Deferred<T, E> {
        Deferred::from_outcome(self)
    }
}

impl<T: 'static, E: IntoBoxedError> IntoDeferred for Deferred<T, E> {
    type Value = T;
    type Error = E;

    fn into_deferred(self) -> Self {
        self
    }
}

impl IntoDeferred for () {
    type Value = ();
    type Error = Infallible;

    fn into_deferred(self) -> Deferred<(), Infallible> {
        Deferred::succeed(())
    }
}

impl<T: 'static> IntoDeferred for Value<T> {
    type Value = T;
    type Error = Infallible;

    fn into_deferred(self) -> Deferred<T, Infallible> {
        Deferred::succeed(self.0)
    }
}
