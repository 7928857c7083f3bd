use std::time::Duration;

use crate::mail::{Login, StartTls};

/// The options of an [`Imap`](super::Imap) client.
#[derive(Clone, Debug)]
pub struct ImapOptions {
    pub(super) start_tls: StartTls,
    pub(super) login: Option<Login>,
    pub(super) timeout: Duration,
    pub(super) idle_time: Duration,
    pub(super) max_message: u64,
}

impl ImapOptions {
    /// A client that stays in clear and shows no password.
    pub fn new() -> Self {
        ImapOptions {
            start_tls: StartTls::off(),
            login: None,
            timeout: Duration::from_secs(60),
            idle_time: Duration::from_secs(25 * 60),
            max_message: 256 << 20,
        }
    }

    /// Whether to start TLS.
    #[must_use]
    pub fn start_tls(mut self, start_tls: StartTls) -> Self {
        self.start_tls = start_tls;
        self
    }

    /// Sets the login of the client. A server that takes the client for authenticated already (PREAUTH) is not told.
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

    /// Sets how long [`Imap::idle`](super::Imap::idle) waits before it ends by itself: 25 minutes by default,
    /// since servers may end a connection that idles for half an hour (RFC 2177).
    #[must_use]
    pub fn idle_time(mut self, time: Duration) -> Self {
        self.idle_time = time;
        self
    }

    /// Sets how many bytes a message may have: 256 MiB by default. One that has more ends the session with
    /// [`MailError::TooLong`](crate::mail::MailError::TooLong), before any of it is read.
    #[must_use]
    pub fn max_message(mut self, bytes: u64) -> Self {
        self.max_message = bytes;
        self
    }
}

impl Default for ImapOptions {
    fn default() -> Self {
        ImapOptions::new()
    }
}
