use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use super::credentials::prepare;
use super::scram::keys::{Key, Keys, are_equal, hash, mac};
use super::scram::messages::random;
use super::{SaslError, decode, encode};

/// The fewest iterations that a client accepts (RFC 7677, section 4). A server that asks for fewer may
/// be after the password: from a proof, it is found by trying.
pub const MIN_ITERATIONS: u32 = 4096;

/// The most iterations that a client accepts: some tenths of a second of work.
pub const MAX_ITERATIONS: u32 = 600_000;

/// The data that a server keeps to check a password. It checks the password in every [`Mechanism`](super::Mechanism),
/// and is not enough to log in elsewhere.
///
/// Its text is that of RFC 5803 (`SCRAM-SHA-256$4096:salt$stored:server`), for files and databases.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    salt: Vec<u8>,
    iterations: u32,
    stored_key: Key,
    server_key: Key,
}

impl Verifier {
    /// The verifier of a password, with [`MIN_ITERATIONS`] and a salt of its own. This takes some
    /// milliseconds.
    ///
    /// # Errors
    ///
    /// [`SaslError::BadText`] if the password is empty or has characters such as NUL.
    pub fn new(password: &str) -> Result<Self, SaslError> {
        Verifier::with(password, &random::<16>()?, MIN_ITERATIONS)
    }

    /// The verifier with this salt and number of iterations. A salt is random, and of one user alone;
    /// fewer than [`MIN_ITERATIONS`] are raised to that.
    ///
    /// # Errors
    ///
    /// As [`new`](Verifier::new).
    pub fn with(password: &str, salt: &[u8], iterations: u32) -> Result<Self, SaslError> {
        let iterations = iterations.max(MIN_ITERATIONS);
        let keys = Keys::derive(&prepare(password)?, salt, iterations);
        Ok(Verifier {
            salt: salt.to_vec(),
            iterations,
            stored_key: hash(&keys.client),
            server_key: keys.server,
        })
    }

    /// What stands in for the verifier of a user that does not exist: each time the same for the same
    /// name, as a real one would be.
    pub(super) fn decoy(user: &str) -> Result<Self, SaslError> {
        static SECRET: OnceLock<Key> = OnceLock::new();
        let secret = match SECRET.get() {
            Some(secret) => secret,
            None => {
                let secret = random()?;
                SECRET.get_or_init(|| secret)
            }
        };
        let salt = mac(secret, user.as_bytes());
        Ok(Verifier {
            salt: salt[..16].to_vec(),
            iterations: MIN_ITERATIONS,
            stored_key: mac(secret, &salt),
            server_key: mac(secret, &mac(secret, &salt)),
        })
    }

    /// Whether this is the password. It takes as long as [`new`](Verifier::new).
    pub(super) fn accepts(&self, password: &str) -> Result<bool, SaslError> {
        let keys = Keys::derive(&prepare(password)?, &self.salt, self.iterations);
        Ok(are_equal(&hash(&keys.client), &self.stored_key))
    }

    pub(super) fn salt(&self) -> &[u8] {
        &self.salt
    }

    pub(super) fn iterations(&self) -> u32 {
        self.iterations
    }

    pub(super) fn stored_key(&self) -> &Key {
        &self.stored_key
    }

    pub(super) fn server_key(&self) -> &Key {
        &self.server_key
    }
}

/// Whether this is the password of a user, whose verifier is `None` if there is no such user: for
/// commands that carry a password without SASL, such as `PASS` of POP3 and `LOGIN` of IMAP. It takes as
/// long for a user that does not exist, and some milliseconds in any case.
pub fn password_matches(user: &str, password: &str, verifier: Option<&Verifier>) -> bool {
    let checked = match verifier {
        Some(verifier) => verifier.accepts(password),
        None => Verifier::decoy(user).and_then(|decoy| decoy.accepts(password)),
    };
    checked.unwrap_or(false) && verifier.is_some()
}

/// The text of RFC 5803.
impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [salt, stored, server] =
            [&self.salt[..], &self.stored_key, &self.server_key].map(encode);
        write!(
            f,
            "SCRAM-SHA-256${}:{salt}${stored}:{server}",
            self.iterations
        )
    }
}

impl FromStr for Verifier {
    type Err = BadVerifier;

    fn from_str(text: &str) -> Result<Self, BadVerifier> {
        let parse = || {
            let rest = text.strip_prefix("SCRAM-SHA-256$")?;
            let (parameters, keys) = rest.split_once('$')?;
            let (iterations, salt) = parameters.split_once(':')?;
            let (stored, server) = keys.split_once(':')?;
            Some(Verifier {
                iterations: iterations.parse().ok()?,
                salt: decode(salt).ok().filter(|salt| !salt.is_empty())?,
                stored_key: decode(stored).ok()?.try_into().ok()?,
                server_key: decode(server).ok()?.try_into().ok()?,
            })
        };
        let verifier = parse().ok_or(BadVerifier)?;
        if (MIN_ITERATIONS..=MAX_ITERATIONS).contains(&verifier.iterations) {
            Ok(verifier)
        } else {
            Err(BadVerifier)
        }
    }
}

/// Without the keys: with them, a server can be impersonated.
impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

/// A text that is not a [`Verifier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadVerifier;

impl fmt::Display for BadVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no verifier of a password: it is SCRAM-SHA-256$ITERATIONS:SALT$STORED:SERVER, with {MIN_ITERATIONS} to {MAX_ITERATIONS} iterations"
        )
    }
}

impl Error for BadVerifier {}
