use std::convert::Infallible;

use crate::{Deferred, Failure, IntoBoxedError};

/// What a callback may return: a [`Result`] with a [`Failure`] (to which `?` converts an error),
/// another [`Deferred`], which is waited for, or nothing.
#[doc(alias = "maybeDeferred")]
pub trait IntoDeferred {
    /// The value that comes of it.
    type Value: 'static;
    /// The error that it may fail with.
    type Error: IntoBoxedError;

    /// As a Deferred.
    fn into_deferred(self) -> Deferred<Self::Value, Self::Error>;
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
