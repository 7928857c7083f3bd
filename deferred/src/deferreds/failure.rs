use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use retwist_reactor::error_chain;

/// What comes of a [`Deferred`](crate::Deferred): the value, or why there is none.
pub type Outcome<T, E> = Result<T, Failure<E>>;

/// Why there is no value: an error of the work itself, or one of the ways in which any work can end
/// early.
///
/// It is an [`Error`] where `E` is one, and stands for it: [`Failure::Error`] prints as the error
/// and has the same source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure<E> {
    /// The work failed, with this error.
    Error(E),
    /// Somebody cancelled it.
    #[doc(alias = "CancelledError")]
    Cancelled,
    /// It took longer than this, and was cancelled.
    #[doc(alias = "TimeoutError")]
    TimedOut(Duration),
    /// Code that belongs to it panicked, with this message.
    Panicked(Arc<str>),
    /// Whoever had promised an outcome went away without one.
    BrokenPromise,
}

/// What work may fail with: any [`Error`], a `Box<dyn Error>`, a text. There is nothing to
/// implement.
///
/// The bound is what it takes to print, in the log, a failure that nobody has handled.
pub trait IntoBoxedError: Into<Box<dyn Error>> + 'static {}

impl<E: Into<Box<dyn Error>> + 'static> IntoBoxedError for E {}

impl<E> Failure<E> {
    /// The error of the work itself, if that is what it is.
    pub fn error(&self) -> Option<&E> {
        match self {
            Failure::Error(error) => Some(error),
            _ => None,
        }
    }

    /// The same failure with another type of error.
    pub fn map<F>(self, change: impl FnOnce(E) -> F) -> Failure<F> {
        match self {
            Failure::Error(error) => Failure::Error(change(error)),
            Failure::Cancelled => Failure::Cancelled,
            Failure::TimedOut(after) => Failure::TimedOut(after),
            Failure::Panicked(message) => Failure::Panicked(message),
            Failure::BrokenPromise => Failure::BrokenPromise,
        }
    }

    /// The error alone, for code that takes any. (`?` does the same wherever `E` is an [`Error`].)
    pub fn into_error(self) -> Box<dyn Error>
    where
        E: IntoBoxedError,
    {
        match self {
            Failure::Error(error) => error.into(),
            other => Box::new(other.map(|_| Nothing)),
        }
    }

    /// Says in the log that nobody has handled this one.
    pub(crate) fn log_unhandled(self)
    where
        E: IntoBoxedError,
    {
        match self {
            // Whoever cancelled it, or let it go, knows.
            Failure::Cancelled | Failure::BrokenPromise => {}
            failure => log::error!("unhandled: {}", error_chain(&*failure.into_error())),
        }
    }
}

/// The error in a failure that has none.
#[derive(Debug)]
struct Nothing;

impl fmt::Display for Nothing {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl Error for Nothing {}

impl<E> From<E> for Failure<E> {
    fn from(error: E) -> Self {
        Failure::Error(error)
    }
}

impl<E: Error + Send + Sync + 'static> From<Failure<E>> for io::Error {
    fn from(failure: Failure<E>) -> Self {
        match failure {
            Failure::Error(error) => {
                match (Box::new(error) as Box<dyn Error + Send + Sync>).downcast::<io::Error>() {
                    Ok(error) => *error,
                    Err(error) => io::Error::other(error),
                }
            }
            Failure::TimedOut(_) => io::Error::new(io::ErrorKind::TimedOut, failure.to_string()),
            failure => io::Error::other(failure.to_string()),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Error(error) => error.fmt(f),
            Failure::Cancelled => f.write_str("cancelled"),
            Failure::TimedOut(after) => write!(f, "not done within {} s", after.as_secs_f64()),
            Failure::Panicked(message) => write!(f, "panicked: {message}"),
            Failure::BrokenPromise => f.write_str("abandoned: there will be no outcome"),
        }
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
