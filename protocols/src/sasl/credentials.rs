use std::fmt;

use stringprep::saslprep;

use super::SaslError;

/// A user name and its password, as a client has them.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    /// A user and its password.
    ///
    /// # Errors
    ///
    /// [`SaslError::BadText`] if one of them is empty, or has characters such as NUL.
    pub fn new(user: &str, password: &str) -> Result<Self, SaslError> {
        Ok(Credentials {
            user: prepare(user)?,
            password: prepare(password)?,
        })
    }

    /// The name of the user.
    pub fn user(&self) -> &str {
        &self.user
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }
}

/// Without the password.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// The one form of all texts that look alike (RFC 4013).
pub(super) fn prepare(text: &str) -> Result<String, SaslError> {
    let prepared = saslprep(text).map_err(|_| SaslError::BadText)?;
    if prepared.is_empty() {
        return Err(SaslError::BadText);
    }
    Ok(prepared.into_owned())
}
