use std::error::Error;
use std::fmt;

use super::Dialect;

/// The reason why TLS was not started: the reason in `connection_lost`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartTlsError {
    /// The peer said something that this dialect does not have at this point. The text is the
    /// beginning of it.
    Unexpected(Dialect, String),
    /// The server does not offer TLS. A client never goes on in clear.
    NotOffered(Dialect),
    /// The server refused to start TLS, or to talk at all, with these words.
    Refused(Dialect, String),
    /// The server takes the client for authenticated already (IMAP, `PREAUTH`), and TLS can no
    /// longer start.
    Preauthenticated,
    /// The client left before it started TLS.
    Left,
    /// The client sent this many commands and did not start TLS.
    TooManyCommands(usize),
    /// A line, a message or an XML tag has more bytes than this.
    TooLong(usize),
}

impl fmt::Display for StartTlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartTlsError::Unexpected(dialect, text) => {
                write!(f, "the peer does not speak {dialect}: it sent {text:?}")
            }
            StartTlsError::NotOffered(dialect) => {
                write!(f, "the {dialect} server does not offer TLS")
            }
            StartTlsError::Refused(dialect, text) => {
                write!(f, "the {dialect} server refuses to start TLS: {text:?}")
            }
            StartTlsError::Preauthenticated => f.write_str(
                "the imap server has authenticated the client already, so TLS cannot start",
            ),
            StartTlsError::Left => f.write_str("the client left before it started TLS"),
            StartTlsError::TooManyCommands(count) => {
                write!(f, "the client sent {count} commands and did not start TLS")
            }
            StartTlsError::TooLong(limit) => {
                write!(
                    f,
                    "the peer sent a line or a message of more than {limit} bytes"
                )
            }
        }
    }
}

impl Error for StartTlsError {}

/// The beginning of what a peer sent, for an error.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 80;
    let text = String::from_utf8_lossy(bytes);
    text.trim_end().chars().take(SHOWN).collect()
}

/// The first byte, for an error that is clear before all of a message is there: so it is the same,
/// however the input is cut.
pub(super) fn first_byte(bytes: &[u8]) -> String {
    excerpt(&bytes[..bytes.len().min(1)])
}
