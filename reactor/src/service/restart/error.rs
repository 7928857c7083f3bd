use std::error::Error;
use std::fmt;
use std::io;

use crate::{InheritedError, OpenError, ServiceManagerError, SignalError, SpawnError};

/// Why a program cannot be restarted.
#[derive(Debug)]
#[non_exhaustive]
pub enum RestartError {
    /// The program was not told by what path it was started.
    NoPath,
    /// The path that it was started from cannot be made absolute.
    Path(io::Error),
    /// There can be no handler of the signal.
    Signal(SignalError),
    /// The service manager cannot be told.
    Manager(ServiceManagerError),
    /// What the program before this one has handed over cannot be had.
    Inherited(InheritedError),
    /// What tells this program when to accept cannot be watched.
    Gate(OpenError),
    /// A socket cannot be handed over.
    Socket(io::Error),
    /// A reactor of this process did not give its sockets: it is in a callback that does not return.
    Busy,
    /// The new program was not started.
    Spawn(SpawnError),
}

impl fmt::Display for RestartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RestartError::NoPath => "this program does not know the path that it was started from",
            RestartError::Path(_) => "the path that this program was started from cannot be used",
            RestartError::Signal(_) => "no signal can begin a restart",
            RestartError::Manager(_) => "the service manager cannot be told of a restart",
            RestartError::Inherited(_) => {
                "what the program before this one has handed over cannot be had"
            }
            RestartError::Gate(_) => "what tells this program when to accept cannot be watched",
            RestartError::Socket(_) => "a socket cannot be handed over",
            RestartError::Busy => {
                "a worker does not give its sockets: it is in a callback that does not return"
            }
            RestartError::Spawn(_) => "the new program was not started",
        })
    }
}

impl Error for RestartError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RestartError::Path(error) | RestartError::Socket(error) => Some(error),
            RestartError::Signal(error) => Some(error),
            RestartError::Manager(error) => Some(error),
            RestartError::Inherited(error) => Some(error),
            RestartError::Gate(error) => Some(error),
            RestartError::Spawn(error) => Some(error),
            RestartError::NoPath | RestartError::Busy => None,
        }
    }
}

impl From<SignalError> for RestartError {
    fn from(error: SignalError) -> Self {
        RestartError::Signal(error)
    }
}

impl From<ServiceManagerError> for RestartError {
    fn from(error: ServiceManagerError) -> Self {
        RestartError::Manager(error)
    }
}
