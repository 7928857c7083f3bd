use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use retwist_reactor::Reason;

use crate::sasl::SaslError;

/// The reason why a request to a mail server failed.
///
/// It is cheap to clone: when a session ends, each request that waits for it gets the same error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum MailError {
    /// The server refused the command, in these words.
    Refused {
        /// The command, such as `MAIL` or `SELECT`; `greeting` if the server refused to talk at all.
        command: &'static str,
        /// What the server said, as it stands in its reply.
        words: Arc<str>,
    },
    /// The server said something that has no meaning in reply to the command. The text is the beginning
    /// of it.
    Unexpected {
        /// The command; `greeting` before the first one, and `nothing` between two of them.
        command: &'static str,
        /// What the server said.
        words: Arc<str>,
    },
    /// TLS is required, and the server does not offer to start it. Nothing but that was asked in clear.
    StartTlsNotOffered,
    /// The server takes the client for authenticated already (IMAP, `PREAUTH`), and TLS can no longer
    /// start.
    Preauthenticated,
    /// TLS could not be started on this side.
    StartTls(Arc<dyn Error + Send + Sync>),
    /// The server has agreed to start TLS, and went on in clear or did not complete the handshake.
    Handshake(Reason),
    /// The authentication failed on this side: no mechanism that both sides have, or a server that does
    /// not prove what it has to.
    Sasl(SaslError),
    /// The server cannot do what the request needs. The text names the extension.
    NotSupported(&'static str),
    /// The message has more bytes than this, which is the most that the server takes.
    TooLarge(u64),
    /// An address or a name has characters that would be taken for something else in a command.
    BadText(Arc<str>),
    /// The message could not be read.
    Body(Arc<dyn Error + Send + Sync>),
    /// A line, a reply or a literal of the server is longer than this number of bytes.
    TooLong(u64),
    /// The server did not answer the command within this time.
    TimedOut {
        /// The command, as in [`MailError::Unexpected`].
        command: &'static str,
        /// The limit.
        after: Duration,
    },
    /// The connection ended before the answer came.
    Lost(Reason),
    /// The connection could not be made.
    Connect(Arc<dyn Error + Send + Sync>),
    /// The client was never connected.
    NeverConnected,
    /// The session has ended already, with QUIT or LOGOUT.
    Ended,
}

impl fmt::Display for MailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MailError::Refused { command, words } => {
                write!(f, "the server refuses ({command}): {words}")
            }
            MailError::Unexpected { command, words } => {
                write!(f, "the server sent {words:?} in reply to {command}")
            }
            MailError::StartTlsNotOffered => f.write_str(
                "the server does not offer STARTTLS, and TLS is required; nothing was sent in clear",
            ),
            MailError::Preauthenticated => f.write_str(
                "the server has authenticated the client already, so TLS cannot start",
            ),
            MailError::StartTls(_) => f.write_str("TLS could not be started"),
            MailError::Handshake(reason) => {
                f.write_str("the TLS that the server agreed to start failed")?;
                // What comes cleanly has no words of its own.
                if reason.is_clean() {
                    f.write_str(": the server closed the connection")?;
                }
                Ok(())
            }
            MailError::Sasl(_) => f.write_str("the authentication failed"),
            MailError::NotSupported(extension) => {
                write!(f, "the server lacks {extension}, which this request needs")
            }
            MailError::TooLarge(limit) => {
                write!(f, "the server takes messages of at most {limit} bytes")
            }
            MailError::BadText(text) => write!(
                f,
                "{text:?} cannot be part of a command: it is empty, or has characters that do not belong there"
            ),
            MailError::Body(_) => f.write_str("the message could not be read"),
            MailError::TooLong(limit) => {
                write!(f, "the server sent more than {limit} bytes where it may not")
            }
            MailError::TimedOut { command, after } => write!(
                f,
                "the server did not answer within {} s ({command})",
                after.as_secs_f64()
            ),
            MailError::Lost(reason) if reason.is_clean() => {
                f.write_str("the server closed the connection before it answered")
            }
            MailError::Lost(_) => f.write_str("the connection ended before the server answered"),
            MailError::Connect(_) => f.write_str("no connection with the server"),
            MailError::NeverConnected => f.write_str("the client was never connected"),
            MailError::Ended => f.write_str("the session with the server has ended"),
        }
    }
}

impl Error for MailError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            MailError::StartTls(error) | MailError::Body(error) | MailError::Connect(error) => {
                Some(&**error)
            }
            MailError::Sasl(error) => Some(error),
            MailError::Handshake(reason) | MailError::Lost(reason) if !reason.is_clean() => {
                Some(reason)
            }
            _ => None,
        }
    }
}

impl From<SaslError> for MailError {
    fn from(error: SaslError) -> Self {
        MailError::Sasl(error)
    }
}

/// The beginning of what a server said, without control characters, for an error.
pub(super) fn excerpt(bytes: &[u8]) -> Arc<str> {
    const SHOWN: usize = 400;
    let text = String::from_utf8_lossy(bytes);
    let shown = text.trim_end().chars().take(SHOWN);
    shown
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect::<String>()
        .into()
}
