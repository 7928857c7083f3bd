use std::error::Error;
use std::fmt;
use std::str::FromStr;

use super::Protection;

/// A mechanism by which a client proves its identity, the strongest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Mechanism {
    /// The password, in answer to two questions. It has no RFC, and old clients know nothing else.
    Login,
    /// The password, in one message (RFC 4616).
    Plain,
    /// A proof that both sides know the password, which is not sent (RFC 5802 and RFC 7677).
    ScramSha256,
    /// The same, bound to the TLS connection (RFC 9266).
    ScramSha256Plus,
}

impl Mechanism {
    /// All of them, the strongest first.
    pub const ALL: [Mechanism; 4] = [
        Mechanism::ScramSha256Plus,
        Mechanism::ScramSha256,
        Mechanism::Plain,
        Mechanism::Login,
    ];

    /// Its name in protocols, such as `SCRAM-SHA-256`.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::Login => "LOGIN",
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
        }
    }

    /// Returns what a server offers on such a connection, the strongest first. In clear this is nothing.
    ///
    /// ```
    /// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
    /// use retwist::protocols::sasl::{Mechanism, Protection};
    ///
    /// let names: Vec<_> = Mechanism::offered(&Protection::Encrypted).map(Mechanism::name).collect();
    /// assert_eq!(names, ["SCRAM-SHA-256", "PLAIN", "LOGIN"]);
    /// assert_eq!(Mechanism::offered(&Protection::Clear).count(), 0);
    /// ```
    pub fn offered(protection: &Protection) -> impl Iterator<Item = Mechanism> + use<> {
        let left_out = match protection {
            Protection::Clear => Mechanism::ALL.len(),
            Protection::Encrypted => 1,
            Protection::Bound(_) => 0,
        };
        Mechanism::ALL.into_iter().skip(left_out)
    }

    /// Whether the password itself is sent.
    pub fn sends_password(self) -> bool {
        matches!(self, Mechanism::Login | Mechanism::Plain)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// In any case of letters.
impl FromStr for Mechanism {
    type Err = UnknownMechanism;

    fn from_str(name: &str) -> Result<Self, UnknownMechanism> {
        let known = Mechanism::ALL
            .into_iter()
            .find(|mechanism| mechanism.name().eq_ignore_ascii_case(name));
        known.ok_or(UnknownMechanism)
    }
}

/// A name that no [`Mechanism`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownMechanism;

impl fmt::Display for UnknownMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no SASL mechanism of this name; there are ")?;
        for (index, mechanism) in Mechanism::ALL.into_iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{mechanism}")?;
        }
        Ok(())
    }
}

impl Error for UnknownMechanism {}
