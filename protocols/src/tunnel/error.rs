use std::error::Error;
use std::fmt;

use crate::SocksError;

/// A client of a [`TunnelServer`](crate::TunnelServer) did not ask for a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TunnelError {
    /// The request is another one than CONNECT.
    NotConnect,
    /// The request has no host and port, or no version of HTTP.
    BadRequest,
    /// What came is not SOCKS.
    Socks(SocksError),
}

impl fmt::Display for TunnelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TunnelError::NotConnect => {
                f.write_str("the client asks for something else than CONNECT")
            }
            TunnelError::BadRequest => {
                f.write_str("the client asks for no host and port, or not in HTTP/1")
            }
            TunnelError::Socks(_) => f.write_str("the client does not ask in SOCKS"),
        }
    }
}

impl Error for TunnelError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            TunnelError::Socks(error) => Some(error),
            _ => None,
        }
    }
}
