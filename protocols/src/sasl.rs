//! SASL (RFC 4422): how a client shows who it is, in any protocol that carries the messages.
//!
//! [`SaslServer`] and [`SaslClient`] are one exchange each, without I/O: a message goes in, and what to
//! do next comes out. The protocol around them (SMTP, POP3, IMAP, …) carries the messages, usually as
//! lines of base64, which [`encode`] and [`decode`] make and read.
//!
//! # What is dangerous here
//!
//! - A password in clear: [`Protection`] says what keeps the connection from being read. Without it a
//!   server offers nothing ([`Mechanism::offered`]), and a client sends no password.
//! - A host between the two, with a TLS connection to each. [`Mechanism::ScramSha256Plus`] binds the
//!   exchange to the connection ([`ChannelBinding`]). If the host hides that mechanism, the exchange
//!   fails with [`SaslError::Downgrade`].
//! - A server that does not know the password, and says that all is well: with SCRAM, a client believes
//!   only a server that proves it ([`SaslClient::succeeded`]).
//! - A client that finds out which users exist: an exchange for an unknown user goes on as for a known
//!   one, with as much work, and fails at its end.
//! - A comparison whose time tells where two values differ: all of them take the same time.
//! - Work and memory at the peer's word: messages have at most [`MAX_MESSAGE`] bytes, and a client
//!   refuses a server that asks for fewer than [`MIN_ITERATIONS`] or more than [`MAX_ITERATIONS`].
//!
//! ```
//! # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
//! use retwist::protocols::sasl::*;
//!
//! // What a server keeps of a password.
//! let verifier = Verifier::new("pencil")?;
//!
//! let mut server = SaslServer::new(Mechanism::ScramSha256, &Protection::Encrypted)?;
//! let credentials = Credentials::new("user", "pencil")?;
//! let offered = ["PLAIN", "SCRAM-SHA-256"];
//! let mut client = SaslClient::choose(offered, credentials, &Protection::Encrypted)?;
//! assert_eq!(client.mechanism(), Mechanism::ScramSha256);
//!
//! let mut step = server.begin(client.initial_response()?.as_deref())?;
//! let user = loop {
//!     step = match step {
//!         SaslStep::Challenge(challenge) => server.respond(&client.respond(&challenge)?)?,
//!         SaslStep::Lookup(user) => server.verify((user == "user").then_some(&verifier))?,
//!         SaslStep::Authenticated(user) => break user,
//!     };
//! };
//! client.succeeded(None)?;
//! assert_eq!(user, "user");
//! # Ok::<_, SaslError>(())
//! ```

mod binding;
mod client;
mod credentials;
mod error;
mod mechanism;
mod scram;
mod server;
mod text;
mod verifier;

pub use binding::{ChannelBinding, Protection};
pub use client::SaslClient;
pub use credentials::Credentials;
pub use error::SaslError;
pub use mechanism::{Mechanism, UnknownMechanism};
pub use server::{SaslServer, SaslStep};
pub use text::{MAX_MESSAGE, decode, decode_initial, encode, encode_initial};
pub use verifier::{BadVerifier, MAX_ITERATIONS, MIN_ITERATIONS, Verifier, password_matches};
