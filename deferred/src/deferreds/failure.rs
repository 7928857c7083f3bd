use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use retwist_reactor::error_chain;

/// The outcome of a [`Deferred`](crate::Deferred): its value, or the reason why there is none.
pub type Outcome<T, E> = Result<T, Failure<E>>;

/// The reason why there is no value: an error of the work itself, or one of the ways in which any work can end
/// early.
///
/// Where `E` is an [`Error`], this is one too: [`Failure::Error`] prints as the error and has the
/// same source.
///
/// # Into an error of one's own
///
/// `?` makes a `Box<dyn Error>` or an [`io::Error`] of it. For `?` into an error type of one's own
/// that has a variant for the error of the work and one for [`Interrupted`],
/// [`into_own`](Failure::into_own) is the one line that is missing:
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::{Deferred, Failure, Interrupted};
/// use std::io;
///
/// #[derive(Debug)]
/// enum FetchError { Io(io::Error), Interrupted(Interrupted) }
/// impl From<io::Error> for FetchError {
///     fn from(error: io::Error) -> Self { FetchError::Io(error) }
/// }
/// impl From<Interrupted> for FetchError {
///     fn from(how: Interrupted) -> Self { FetchError::Interrupted(how) }
/// }
///
/// impl From<Failure<io::Error>> for FetchError {
///     fn from(failure: Failure<io::Error>) -> Self { failure.into_own() }
/// }
///
/// async fn length(page: Deferred<String, io::Error>) -> Result<usize, FetchError> {
///     Ok(page.await?.len())
/// }
/// ```
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::{Deferred, Failure};
/// use std::num::ParseIntError;
///
/// let text = Deferred::<&str, ParseIntError>::succeed("many");
/// let number = text.add_callback(|text| Ok(text.parse::<u32>()?));
/// number.done(|outcome| match outcome {
///     Ok(number) => println!("{number}"),
///     Err(Failure::Error(error)) => println!("no number: {error}"),
///     Err(Failure::TimedOut(after)) => println!("no answer within {after:?}"),
///     Err(other) => println!("{other}"), // cancelled, panicked, …
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure<E> {
    /// The work failed with this error.
    Error(E),
    /// The Deferred was cancelled.
    #[doc(alias = "CancelledError")]
    Cancelled,
    /// The work took longer than this, and was cancelled.
    #[doc(alias = "TimeoutError")]
    TimedOut(Duration),
    /// A callback, a task or a job panicked with this message.
    Panicked(Arc<str>),
    /// The last [`Promise`](crate::Promise) was dropped without an outcome.
    BrokenPromise,
    /// The reactor has ended, and with it the work.
    ReactorEnded,
}

/// A [`Failure`] without an error: how work ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interrupted {
    /// See [`Failure::Cancelled`].
    Cancelled,
    /// See [`Failure::TimedOut`].
    TimedOut(Duration),
    /// See [`Failure::Panicked`].
    Panicked(Arc<str>),
    /// See [`Failure::BrokenPromise`].
    BrokenPromise,
    /// See [`Failure::ReactorEnded`].
    ReactorEnded,
}

/// The errors that work may fail with: any [`Error`], a `Box<dyn Error>`, a text. There is nothing
/// to implement.
///
/// The log needs the bound, to print a failure that no callback has handled.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error that a Deferred can fail with",
    label = "neither an `Error`, nor a `Box<dyn Error>`, nor a text",
    note = "implement `std::error::Error` for it, or convert it with `map_err`"
)]
pub trait IntoBoxedError: Into<Box<dyn Error>> + 'static {}

impl<E: Into<Box<dyn Error>> + 'static> IntoBoxedError for E {}

impl<E> Failure<E> {
    /// The error of the work itself, if that is the reason.
    pub fn error(&self) -> Option<&E> {
        match self {
            Failure::Error(error) => Some(error),
            _ => None,
        }
    }

    /// The error of the work itself, or how the work ended early.
    pub fn split(self) -> Result<E, Interrupted> {
        Err(match self {
            Failure::Error(error) => return Ok(error),
            Failure::Cancelled => Interrupted::Cancelled,
            Failure::TimedOut(after) => Interrupted::TimedOut(after),
            Failure::Panicked(message) => Interrupted::Panicked(message),
            Failure::BrokenPromise => Interrupted::BrokenPromise,
            Failure::ReactorEnded => Interrupted::ReactorEnded,
        })
    }

    /// The same failure with another type of error.
    pub fn map<F>(self, change: impl FnOnce(E) -> F) -> Failure<F> {
        match self.split() {
            Ok(error) => Failure::Error(change(error)),
            Err(how) => how.into_failure(),
        }
    }

    /// The failure as an error type that has room for both parts.
    pub fn into_own<X: From<E> + From<Interrupted>>(self) -> X {
        match self.split() {
            Ok(error) => error.into(),
            Err(how) => how.into(),
        }
    }

    /// The failure as a boxed error. (`?` does the same where `E` is an [`Error`].)
    pub fn into_error(self) -> Box<dyn Error>
    where
        E: IntoBoxedError,
    {
        match self.split() {
            Ok(error) => error.into(),
            Err(how) => Box::new(how),
        }
    }

    /// Writes to the log that no callback has handled this failure.
    pub(super) fn log_unhandled(self)
    where
        E: IntoBoxedError,
    {
        match self {
            // These are the consequence of something that the program has done or has logged.
            Failure::Cancelled | Failure::BrokenPromise | Failure::ReactorEnded => {}
            failure => log::error!("unhandled: {}", error_chain(&*failure.into_error())),
        }
    }
}

impl<E> Failure<Failure<E>> {
    /// Two levels of failure as one. See [`Deferred::flatten`](crate::Deferred::flatten).
    pub fn flatten(self) -> Failure<E> {
        self.split().unwrap_or_else(Interrupted::into_failure)
    }
}

impl Interrupted {
    pub(crate) fn into_failure<E>(self) -> Failure<E> {
        match self {
            Interrupted::Cancelled => Failure::Cancelled,
            Interrupted::TimedOut(after) => Failure::TimedOut(after),
            Interrupted::Panicked(message) => Failure::Panicked(message),
            Interrupted::BrokenPromise => Failure::BrokenPromise,
            Interrupted::ReactorEnded => Failure::ReactorEnded,
        }
    }
}

impl<E> From<E> for Failure<E> {
    fn from(error: E) -> Self {
        Failure::Error(error)
    }
}

impl<E: Error + Send + Sync + 'static> From<Failure<E>> for io::Error {
    fn from(failure: Failure<E>) -> Self {
        match failure.split() {
            Ok(error) => {
                match (Box::new(error) as Box<dyn Error + Send + Sync>).downcast::<io::Error>() {
                    Ok(error) => *error,
                    Err(error) => io::Error::other(error),
                }
            }
            Err(how) => how.into(),
        }
    }
}

impl From<Interrupted> for io::Error {
    fn from(how: Interrupted) -> Self {
        let kind = match how {
            Interrupted::TimedOut(_) => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, how)
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Error(error) => error.fmt(f),
            Failure::Cancelled => f.write_str("cancelled"),
            Failure::TimedOut(after) => write!(f, "not done within {} s", after.as_secs_f64()),
            Failure::Panicked(message) => write!(f, "panicked: {message}"),
            Failure::BrokenPromise => f.write_str("the promise of an outcome was dropped"),
            Failure::ReactorEnded => f.write_str("the reactor has ended"),
        }
    }
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.clone().into_failure::<String>().fmt(f)
    }
}

impl<E: Error> Error for Failure<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Failure::Error(error) => error.source(),
            _ => None,
        }
    }
}

impl Error for Interrupted {}
