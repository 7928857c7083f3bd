use std::error::Error;
use std::fmt;

use retwist_reactor::Reason;

use super::{ArgumentError, BoxTooLong};

/// The reason why a call has no response.
#[derive(Debug)]
#[non_exhaustive]
pub enum AmpError<E> {
    /// An error that the command declares.
    Command(E),
    /// Some other error of the other side. Its code is `UNHANDLED` if the other side does not know the
    /// command, and `UNKNOWN` if the command failed for a reason that it does not declare.
    #[doc(alias = "RemoteAmpError")]
    #[doc(alias = "UnhandledCommand")]
    #[doc(alias = "UnknownRemoteError")]
    Remote {
        /// The code.
        code: String,
        /// What the other side says about it.
        description: String,
    },
    /// The other side has answered, and its response is not that of this command.
    Response(ArgumentError),
    /// The connection ended before the answer came.
    Lost(Reason),
}

impl<E: fmt::Display> fmt::Display for AmpError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AmpError::Command(error) => error.fmt(f),
            AmpError::Remote { code, description } => {
                write!(f, "the other side answered with {code}: {description}")
            }
            AmpError::Response(_) => f.write_str("the response does not belong to the command"),
            AmpError::Lost(_) => f.write_str("the connection ended before the answer came"),
        }
    }
}

impl<E: Error + 'static> Error for AmpError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            AmpError::Command(error) => error.source(),
            AmpError::Remote { .. } => None,
            AmpError::Response(error) => Some(error),
            AmpError::Lost(reason) => Some(reason),
        }
    }
}

/// The reason why a command was not sent. What was to hear the answer is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotCalled {
    /// The connection has ended, or is being closed.
    NotConnected,
    /// The arguments do not fit into a box.
    TooLong(BoxTooLong),
    /// A command that switches is waiting for its answer, and nothing comes between the two.
    Switching,
}

impl fmt::Display for NotCalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotCalled::NotConnected => f.write_str("there is no connection to call the other side"),
            NotCalled::TooLong(error) => error.fmt(f),
            NotCalled::Switching => f.write_str(
                "a command that switches the protocol waits for its answer; a second one cannot be sent before",
            ),
        }
    }
}

impl Error for NotCalled {}

/// The other side has broken the rules of AMP: the reason in `connection_lost`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AmpProtocolError {
    /// A box is neither a command nor an answer nor an error.
    NoPurpose,
    /// An answer belongs to no call.
    UnknownAnswer,
    /// More than this many requests wait for their answers.
    TooManyRequests(usize),
}

impl fmt::Display for AmpProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AmpProtocolError::NoPurpose => {
                f.write_str("the peer sent a box that is neither a command nor an answer")
            }
            AmpProtocolError::UnknownAnswer => {
                f.write_str("the peer answered a call that was not made, or answered it twice")
            }
            AmpProtocolError::TooManyRequests(most) => write!(
                f,
                "the peer sent more than {most} requests before it had answers; if it may, raise Amp::max_open_requests"
            ),
        }
    }
}

impl Error for AmpProtocolError {}
