use std::convert::Infallible;
use std::error::Error;

use super::Arguments;

/// A command that one side calls and the other one answers. The type has the arguments.
pub trait Command: Arguments + 'static {
    /// Its name on the wire.
    #[doc(alias = "commandName")]
    const NAME: &'static str;

    /// What it responds: `()` for nothing.
    type Response: Arguments + 'static;

    /// What can go wrong on the other side: [`Infallible`] for nothing.
    type Error: CommandError;
}

/// The errors that a [`Command`] declares. The other side gets the code, and the text of the error.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use std::fmt;
/// use retwist::protocols::amp::CommandError;
///
/// #[derive(Debug)]
/// enum DivisionError { ByZero }
///
/// impl fmt::Display for DivisionError {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("division by zero")
///     }
/// }
///
/// impl std::error::Error for DivisionError {}
///
/// impl CommandError for DivisionError {
///     fn code(&self) -> &str {
///         "ZERO_DIVISION"
///     }
///     fn from_code(code: &str, _description: &str) -> Option<Self> {
///         (code == "ZERO_DIVISION").then_some(DivisionError::ByZero)
///     }
/// }
/// ```
pub trait CommandError: Error + Sized + 'static {
    /// The code on the wire.
    fn code(&self) -> &str;

    /// The error with this code; `None` if the command does not declare it.
    fn from_code(code: &str, description: &str) -> Option<Self>;

    /// Whether the connection ends once the error has been sent.
    #[doc(alias = "fatalErrors")]
    fn is_fatal(&self) -> bool {
        false
    }
}

impl CommandError for Infallible {
    fn code(&self) -> &str {
        match *self {}
    }

    fn from_code(_: &str, _: &str) -> Option<Self> {
        None
    }
}

crate::amp_arguments! {
    /// Asks the other side to start TLS. It is to be sent with
    /// [`call_and_switch`](super::AmpTransport::call_and_switch), and answered by
    /// [`on_switch`](super::Request::on_switch).
    #[doc(alias = "StartTLS")]
    pub struct StartTls {}

    /// TLS begins behind this response.
    pub struct Started {}
}

impl Command for StartTls {
    const NAME: &'static str = "StartTLS";
    type Response = Started;
    type Error = Infallible;
}
