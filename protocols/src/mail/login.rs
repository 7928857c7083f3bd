use std::fmt;

use super::MailError;

use crate::sasl::{Credentials, Protection, SaslClient, SaslError};

/// The name and the password that a client shows to the server.
///
/// By default no password leaves on a connection without TLS.
#[derive(Clone)]
pub struct Login {
    user: Box<str>,
    password: Box<str>,
    in_clear: bool,
}

impl Login {
    /// This user, with this password.
    pub fn new(user: &str, password: &str) -> Self {
        Login {
            user: user.into(),
            password: password.into(),
            in_clear: false,
        }
    }

    /// Sends the password on a connection without TLS too: for a UNIX socket, or a tunnel. Any host on
    /// the way can read it.
    #[must_use]
    pub fn even_in_clear(mut self) -> Self {
        self.in_clear = true;
        self
    }

    /// What to assume of a connection that TLS protects, or not.
    pub(super) fn protection(&self, under_tls: bool) -> Protection {
        if under_tls || self.in_clear {
            Protection::Encrypted
        } else {
            Protection::Clear
        }
    }

    /// The name and the password as words of commands, where they may be sent.
    pub(super) fn words(&self, under_tls: bool) -> Result<(&str, &str), MailError> {
        if let Protection::Clear = self.protection(under_tls) {
            return Err(SaslError::NotProtected.into());
        }
        let fits = |word: &str| !word.is_empty() && !word.contains(char::is_control);
        if !fits(&self.user) || self.user.contains(' ') || !fits(&self.password) {
            return Err(SaslError::BadText.into());
        }
        Ok((&self.user, &self.password))
    }

    /// The exchange by the strongest mechanism among those that the server offers.
    pub(super) fn choose<'a>(
        &self,
        offered: impl IntoIterator<Item = &'a str>,
        under_tls: bool,
    ) -> Result<SaslClient, SaslError> {
        let credentials = Credentials::new(&self.user, &self.password)?;
        SaslClient::choose(offered, credentials, &self.protection(under_tls))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}
