use std::convert::Infallible;

use crate::{Failure, IntoBoxedError, Outcome};

/// The results of tasks and jobs: a [`Result`], nothing, or a [`Value`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a task or a job may return",
    label = "neither a `Result`, nor `()`, nor a `Value`",
    note = "return `Value(..)` if it cannot fail, or `Ok(..)` if it can"
)]
pub trait TaskOutput {
    /// The type of the value.
    type Value: 'static;
    /// The type of the error.
    type Error: IntoBoxedError;

    /// The result as an outcome.
    fn into_outcome(self) -> Outcome<Self::Value, Self::Error>;
}

/// A plain value, as the result of a task, a job or a callback that cannot fail.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::{Value, maybe_deferred};
///
/// assert_eq!(maybe_deferred(|| Value(6 * 7)).take(), Some(Ok(42)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<T>(pub T);

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

impl<T: 'static> TaskOutput for Value<T> {
    type Value = T;
    type Error = Infallible;

    fn into_outcome(self) -> Outcome<T, Infallible> {
        Ok(self.0)
    }
}
