use std::error::Error;
use std::fmt;
use std::io;

use crate::Signal;

/// The reason why there can be no handler of a signal.
#[derive(Debug)]
#[non_exhaustive]
pub enum SignalError {
    /// No program can handle this signal (SIGKILL, SIGSTOP), or go on after it (SIGSEGV, SIGILL, SIGFPE).
    NotPossible(Signal),
    /// The system refuses the handler, or what tells the loop of it.
    Failed(Signal, io::Error),
    /// The reactor has ended, or is about to.
    ReactorGone,
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignalError::NotPossible(signal) => write!(f, "{signal} cannot be handled"),
            SignalError::Failed(signal, _) => write!(f, "a handler of {signal} cannot be set"),
            SignalError::ReactorGone => f.write_str("the reactor has ended"),
        }
    }
}

impl Error for SignalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SignalError::Failed(_, error) => Some(error),
            _ => None,
        }
    }
}
