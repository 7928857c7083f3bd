use std::convert::Infallible;

use crate::{Failure, IntoBoxedError, Outcome};

/// What a spawned future may return: a [`Result`], or nothing.
pub trait TaskOutput {
    /// The value that comes of it.
    type Value: 'static;
    /// The error that it may fail with.
    type Error: IntoBoxedError;

    /// As an outcome.
    fn into_outcome(self) -> Outcome<Self::Value, Self::Error>;
}

impl<T: 'static, E: IntoBoxedError> TaskOutput for Result<T, E> {
    type Value = T;
    type Error = E;

    fn into_outcome(self) -> Outcome<T, E> {
        self.map_err(Failure::Error)
    }
}

impl TaskOutput for () {
    type Value = ();
    type Error = Infallible;

    fn into_outcome(self) -> Outcome<(), Infallible> {
        Ok(())
    }
}
