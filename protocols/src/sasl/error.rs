use std::error::Error;
use std::fmt;
use std::sync::Arc;

use super::{MAX_ITERATIONS, MAX_MESSAGE, MIN_ITERATIONS};

/// The reason why an exchange failed. It cannot go on after any of these.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SaslError {
    /// The connection is in clear, and the mechanism is not used there.
    NotProtected,
    /// The server offers no mechanism that this client may use on this connection.
    NoMechanism,
    /// The mechanism needs a channel binding, and the connection has none.
    NoBinding,
    /// A message, or the text that stands for it, is too long.
    TooLong,
    /// A text is not base64.
    Base64,
    /// The client gives up: it sent `*` in place of a response.
    Cancelled,
    /// A message is not what the mechanism prescribes: this part of it.
    Malformed(&'static str),
    /// The peer goes on where the exchange has ended, or this side is called out of order.
    OutOfOrder,
    /// A name or password is empty, or has characters that none has (SASLprep, RFC 4013).
    BadText,
    /// The peer demands an extension that this side does not have.
    Extension,
    /// There is no such user, or the password is another. A server does not say which.
    BadCredentials,
    /// The client would act for another user than it is.
    NotAuthorized,
    /// The two sides are not the ends of one TLS connection.
    BindingMismatch,
    /// The client could bind the exchange to the connection and was not offered to, though this server
    /// offers it: a host between them has removed the offer.
    Downgrade,
    /// The server asks for this number of iterations.
    Iterations(u32),
    /// The server does not know the password, or says that all is well before it has proved it.
    ServerNotVerified,
    /// The server refuses, with this name of an error.
    Refused(String),
    /// The system gives no random bytes.
    Random(Arc<dyn Error + Send + Sync>),
}

impl fmt::Display for SaslError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SaslError::NotProtected => {
                "a password is not sent or accepted in clear; start TLS before authentication"
            }
            SaslError::NoMechanism => {
                "the server offers no SASL mechanism that this client may use on this connection"
            }
            SaslError::NoBinding => "the mechanism needs TLS that exports a channel binding",
            SaslError::TooLong => {
                return write!(f, "a SASL message has more than {MAX_MESSAGE} bytes");
            }
            SaslError::Base64 => "the peer sent a SASL message that is not base64",
            SaslError::Cancelled => "the client cancelled the authentication",
            SaslError::Malformed(part) => {
                return write!(f, "the peer sent a malformed SASL message: {part}");
            }
            SaslError::OutOfOrder => "the authentication has ended, and there is more of it",
            SaslError::BadText => {
                "a user name or password is empty, or has characters that are not allowed there"
            }
            SaslError::Extension => "the peer demands an extension of SCRAM that is unknown here",
            SaslError::BadCredentials => "the user name or the password is wrong",
            SaslError::NotAuthorized => "the user may not act for another one",
            SaslError::BindingMismatch => {
                "the authentication is bound to another TLS connection; a host in between may relay it"
            }
            SaslError::Downgrade => {
                "the client did not see the offer of channel binding; a host in between may have removed it"
            }
            SaslError::Iterations(count) => {
                return write!(
                    f,
                    "the server asks for {count} iterations, and {MIN_ITERATIONS} to {MAX_ITERATIONS} are accepted"
                );
            }
            SaslError::ServerNotVerified => {
                "the server has not proved that it knows the password; do not trust what it says"
            }
            SaslError::Refused(error) => {
                return write!(f, "the server refuses the authentication: {error}");
            }
            SaslError::Random(_) => "the system gives no random bytes",
        })
    }
}

impl Error for SaslError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SaslError::Random(error) => Some(&**error),
            _ => None,
        }
    }
}
