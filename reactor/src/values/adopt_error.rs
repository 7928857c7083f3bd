use std::error::Error;
use std::fmt;
use std::io;

use crate::InheritedError;

/// The reason why a socket that was given cannot be adopted. It is closed, as its owner has given it away.
#[derive(Debug)]
#[non_exhaustive]
pub enum AdoptError {
    /// The descriptor is no socket.
    NotASocket(io::Error),
    /// It is a socket for something else: `wanted` says what for it should be.
    WrongType {
        /// What is wanted, such as "a stream".
        wanted: &'static str,
    },
    /// Its family is neither IPv4 nor IPv6 nor UNIX: the number that the system gives it.
    #[doc(alias = "UnsupportedAddressFamily")]
    UnsupportedFamily(i32),
    /// It is a socket of another family than the one that was named.
    WrongFamily(SocketFamily),
    /// The program was not started with it.
    Inherited(InheritedError),
    /// A port needs a socket that listens, and this one does not.
    NotListening,
    /// A connection needs a socket that is connected, and this one is not, or no longer.
    NotConnected,
    /// It is a datagram socket that is connected to one without a name.
    UnnamedPeer,
    /// The port was stopped, which has closed the socket: it cannot listen again.
    Closed,
    /// Anything else that the system said.
    Failed(io::Error),
    /// The reactor has ended.
    ReactorGone,
}

impl From<InheritedError> for AdoptError {
    fn from(error: InheritedError) -> Self {
        AdoptError::Inherited(error)
    }
}

/// The family of a socket that a program expects to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketFamily {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// UNIX sockets, with or without a file.
    Unix,
}

impl fmt::Display for SocketFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SocketFamily::Ipv4 => "IPv4",
            SocketFamily::Ipv6 => "IPv6",
            SocketFamily::Unix => "UNIX",
        })
    }
}

impl fmt::Display for AdoptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AdoptError::NotASocket(_) => f.write_str("the descriptor is not a socket"),
            AdoptError::WrongType { wanted } => {
                write!(f, "the socket is of another type: {wanted} is wanted")
            }
            AdoptError::UnsupportedFamily(family) => write!(
                f,
                "the socket is of the address family {family}: IPv4, IPv6 and UNIX are supported"
            ),
            AdoptError::WrongFamily(wanted) => {
                write!(f, "the socket is of another address family than {wanted}")
            }
            AdoptError::Inherited(error) => error.fmt(f),
            AdoptError::NotListening => {
                f.write_str("the socket does not listen; bind it, and have it listen first")
            }
            AdoptError::NotConnected => f.write_str("the socket is not connected"),
            AdoptError::UnnamedPeer => f.write_str(
                "the socket is connected to one that has no name; bind the other one first",
            ),
            AdoptError::Closed => {
                f.write_str("the socket was closed when its port stopped; adopt another one")
            }
            AdoptError::Failed(_) => f.write_str("the socket cannot be used"),
            AdoptError::ReactorGone => f.write_str("the reactor has ended"),
        }
    }
}

impl Error for AdoptError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            AdoptError::NotASocket(error) | AdoptError::Failed(error) => Some(error),
            AdoptError::Inherited(error) => error.source(),
            _ => None,
        }
    }
}
