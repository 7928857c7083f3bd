use std::error::Error;
use std::fmt;
use std::io;

/// Why a connection cannot be passed to another reactor. It stays where it is, as it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum PassError {
    /// The connection has ended or is being closed, or another protocol sits on it by now.
    NotConnected,
    /// Its write half is closed.
    WriteClosed,
    /// There are layers between the protocol and the socket.
    Layered,
    /// A producer is registered.
    Producer,
    /// Descriptors go with its bytes: [`UnixDescriptors`](crate::UnixDescriptors).
    Descriptors,
    /// It is neither TCP nor a UNIX socket.
    NoSocket,
    /// The other reactor no longer takes connections.
    TargetGone,
    /// The system does not let go of it.
    Failed(io::Error),
}

impl fmt::Display for PassError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PassError::NotConnected => {
                "the connection has ended or is being closed, so there is nothing to pass"
            }
            PassError::WriteClosed => {
                "the write half of the connection is closed; pass it before lose_write_connection"
            }
            PassError::Layered => {
                "the connection has layers, such as TLS or a timeout, whose state cannot be passed; pass it before \
                 they are put on it, or take them away first (stop_tls)"
            }
            PassError::Producer => {
                "a producer is registered, which stays in its thread; call unregister_producer first"
            }
            PassError::Descriptors => {
                "descriptors go with the bytes of the connection, and these cannot be passed"
            }
            PassError::NoSocket => {
                "only TCP connections and UNIX sockets can be passed; this is a pipe, a child, or in memory"
            }
            PassError::TargetGone => {
                "the other reactor no longer takes connections; choose another one, or serve it here"
            }
            PassError::Failed(_) => "the system does not let go of the connection",
        })
    }
}

impl Error for PassError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            PassError::Failed(error) => Some(error),
            _ => None,
        }
    }
}
