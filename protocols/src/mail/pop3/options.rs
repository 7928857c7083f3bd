use std::time::Duration;

use crate::mail::{Login, StartTls};

/// The options of a [`Pop3`](super::Pop3) client.
#[derive(Clone, Debug)]
pub struct Pop3Options {
    pub(super) start_tls: StartTls,
    pub(super) login: Option<Login>,
    pub(super) timeout: Duration,
    pub(super) max_message: u64,
}

impl Pop3Options {
    /// A client that stays in clear and shows no password.
    pub fn new() -> Self {
        Pop3Options {
            start_tls: StartTls::off(),
            login: None,
            timeout: Duration::from_secs(60),
            max_message: 256 << 20,
        }
    }

    /// Whether to start TLS.
    #[must_use]
    pub fn start_tls(mut self, start_tls: StartTls) -> Self {
        self.start_tls = start_tls;
        self
    }

    /// Sets the login of the client. A server lets no client in that does not say so.
    #[must_use]
    pub fn login(mut self, login: Login) -> Self {
        self.login = Some(login);
        self
    }

    /// Sets how long the server may take for an answer, and within a longer one for each piece: 60 s by
    /// default. While the client is paused, the time does not run.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many bytes a message may have: 256 MiB by default. One that has more ends the session with
    /// [`MailError::TooLong`](crate::mail::MailError::TooLong).
    #[must_use]
    pub fn max_message(mut self, bytes: u64) -> Self {
        self.max_message = bytes;
        self
    }
}

impl Default for Pop3Options {
    fn default() -> Self {
        Pop3Options::new()
    }
}
