use std::time::Duration;

use crate::mail::{Login, StartTls};

/// The options of an [`Smtp`](super::Smtp) client.
#[derive(Clone, Debug)]
pub struct SmtpOptions {
    pub(super) name: String,
    pub(super) lmtp: bool,
    pub(super) start_tls: StartTls,
    pub(super) login: Option<Login>,
    pub(super) timeouts: SmtpTimeouts,
}

impl SmtpOptions {
    /// A client of SMTP that calls itself `localhost`, stays in clear, and shows no password.
    pub fn new() -> Self {
        SmtpOptions {
            name: "localhost".into(),
            lmtp: false,
            start_tls: StartTls::off(),
            login: None,
            timeouts: SmtpTimeouts::default(),
        }
    }

    /// Sets what the client calls itself: the name of its host, or an address as `[192.0.2.1]`. Characters
    /// that no host has in its name are left out.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        let fits = |c: &char| c.is_ascii_alphanumeric() || "-._[]:".contains(*c);
        self.name = name.chars().filter(fits).collect();
        if self.name.is_empty() {
            self.name = "localhost".into();
        }
        self
    }

    /// Speaks LMTP: the server answers for each recipient whether it has stored the message.
    #[must_use]
    pub fn lmtp(mut self) -> Self {
        self.lmtp = true;
        self
    }

    /// Whether to start TLS.
    #[must_use]
    pub fn start_tls(mut self, start_tls: StartTls) -> Self {
        self.start_tls = start_tls;
        self
    }

    /// Sets the login of the client. A server that does not offer AUTH is an error then.
    #[must_use]
    pub fn login(mut self, login: Login) -> Self {
        self.login = Some(login);
        self
    }

    /// Sets how long each phase may take.
    #[must_use]
    pub fn timeouts(mut self, timeouts: SmtpTimeouts) -> Self {
        self.timeouts = timeouts;
        self
    }
}

impl Default for SmtpOptions {
    fn default() -> Self {
        SmtpOptions::new()
    }
}

/// The time limits for the answers of a server. The defaults are those of RFC 5321, section 4.5.3.2.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SmtpTimeouts {
    /// Until the greeting: 5 minutes.
    pub greeting: Duration,
    /// For each command but DATA and QUIT, and for the handshake of TLS: 5 minutes.
    pub command: Duration,
    /// Until the server agrees to take the message: 2 minutes.
    pub data: Duration,
    /// For each piece of the message, until the system has taken it: 3 minutes.
    pub block: Duration,
    /// From the end of the message to the server's last word about it: 10 minutes. With less, a message
    /// that the server has taken is more often sent again.
    pub end_of_data: Duration,
    /// For QUIT: 10 seconds. All is done by then.
    pub quit: Duration,
}

impl Default for SmtpTimeouts {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        SmtpTimeouts {
            greeting: minutes(5),
            command: minutes(5),
            data: minutes(2),
            block: minutes(3),
            end_of_data: minutes(10),
            quit: Duration::from_secs(10),
        }
    }
}

impl SmtpTimeouts {
    /// The same limit for every phase.
    pub fn all(limit: Duration) -> Self {
        SmtpTimeouts {
            greeting: limit,
            command: limit,
            data: limit,
            block: limit,
            end_of_data: limit,
            quit: limit,
        }
    }
}
