use std::error::Error;
use std::fmt;
use std::io;

/// Why the service manager cannot be told anything.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServiceManagerError {
    /// `NOTIFY_SOCKET` is no path and no abstract name of a UNIX socket.
    Address(String),
    /// A variable of the environment has a value that it cannot have.
    Malformed(&'static str, String),
    /// The system gives no socket to send from.
    Socket(io::Error),
}

impl fmt::Display for ServiceManagerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServiceManagerError::Address(given) => write!(
                f,
                "NOTIFY_SOCKET is {given:?}: a path from / on or a name with @ before it is wanted"
            ),
            ServiceManagerError::Malformed(variable, value) => write!(
                f,
                "the environment variable {variable} is {value:?}, which it cannot be"
            ),
            ServiceManagerError::Socket(_) => {
                f.write_str("there is no socket to tell the service manager with")
            }
        }
    }
}

impl Error for ServiceManagerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ServiceManagerError::Socket(error) => Some(error),
            _ => None,
        }
    }
}
