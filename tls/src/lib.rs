//! TLS as a layer over any transport: started, stacked and left, outside the reactor.
//!
//! Nothing here knows what is below: TCP, a UNIX socket, a child process, memory, another TLS. It
//! is built on the public [`Layer`](retwist_reactor::Layer) of the reactor and on rustls, and a
//! protocol that is under TLS is an ordinary protocol.
//!
//! - [`start_tls`] puts TLS under a protocol that goes on, at any moment; [`stop_tls`] takes it off
//!   again.
//! - [`TlsFactory`] puts it under every connection of a port or connector, from the first byte.
//! - [`TlsTransport`] is the layer itself, to be put in place by hand, and [`TlsTransport::of`]
//!   says what was agreed on.
//! - [`TlsRole`] says which side to be, with a configuration of rustls's own, or one that
//!   [`ServerOptions`] or [`ClientOptions`] makes.
//! - [`TlsError`] says what went wrong, in words.
//! - [`Reload`] follows files that are renewed while a server goes on, and [`TicketKeys`] let the sessions of
//!   one process go on in another.
//! - [`TlsTransport::channel_binding`] ties what is said above TLS to the connection;
//!   [`TlsTransport::export_keying_material`] and [`TlsTransport::update_keys`] are for protocols that do more with its keys.
//!
//! # Where each byte is
//!
//! | | arriving, from the bottom up | leaving, from the top down |
//! |---|---|---|
//! | the protocol | `data_received`: the plaintext of a record, where rustls decrypted it | `write` |
//! | [`TlsTransport`] | half a record waits here, or half a message of the handshake; no more | small writes wait until the callback returns, or the turn ends; one of 16 KiB or more is sealed from where it is. They leave as few records as possible, in a buffer that the whole thread shares |
//! | the transport below | the read buffer, which the whole reactor shares; what is not for TLS is given back to it: `unread` | the output of the connection: one send at the end of the turn |
//!
//! An idle connection holds none of these buffers. What is *not for TLS* are the bytes behind the
//! peer's close_notify (they are for the protocol that sits below next) and, while the protocol
//! above is paused, all records but the one that was just delivered.
//!
//! # What can be relied on
//!
//! - Clear text that comes before, with or behind the start of TLS never reaches the protocol as if
//!   it had been protected, and what is written after [`start_tls`], through whatever transport,
//!   never leaves in clear.
//! - Where TLS is spoken from the first byte, `connection_made` comes when the peer has been
//!   verified, never before. Everywhere, `handshake_completed` comes before the first bytes.
//! - A handshake has a deadline and a bound on its messages, and what waits for it is bounded; see
//!   [`TlsRole`].
//! - A close sends what was written, then close_notify, then closes the transport below. It waits
//!   for no answer. `lose_write_connection` is close_notify, and reading goes on.
//! - An end without close_notify is [`TlsError::Truncated`], and never looks like a clean one. The
//!   protocol hears of it once what it wrote has been sent; the close waits for no producer.
//! - What a protocol writes in answer to a record goes out before the next record is looked at. So a
//!   bad record costs nothing that came before it, however the input was cut.
//! - The peer's close_notify is `read_connection_lost`: what is written in answer still goes out.
//!   Unless overridden, it closes.
//! - A pause stops the next byte, also one that is decrypted already. A handshake waits for no
//!   pause; a producer waits for the handshake.
//!
//! # Floor plan
//!
//! Each module uses only what is on its own floor and below; a test holds this.
//!
//! ```text
//! 5  start, factory            how TLS comes under a protocol, and how it goes
//! 4  layer                     TLS between its neighbours
//! 3  session, ending           one side of TLS, without a transport; how it ended
//! 2  role                      which side to be, with what, within which bounds
//! 1  config, info, error       what goes into a handshake, and what comes out of it
//! 1  buffers, record           values and small machines
//! 1  stats                     what came of the handshakes of a thread
//! 1  certificate, exporter     what certificates and secrets are good for, beside the handshake
//! 1  witness                   what rustls tells of a handshake while it goes on
//! ```
//!
//! # Features
//!
//! `aws-lc-rs`, on by default, does the cryptography, and prefers the post-quantum key exchange
//! X25519MLKEM768; `ring` builds in more places. With both, aws-lc-rs is used. A default that the
//! process has installed goes before either.
//!
//! # Both sides, in memory
//!
//! ```
//! # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
//! use retwist::testing::Pair;
//! use retwist::{Protocol, ProtocolHandle, TransportRef};
//! use retwist::tls::{ClientOptions, Identity, ServerOptions, TrustRoots};
//! use retwist::tls::{TlsRole, TlsTransport, start_tls};
//!
//! /// Says hello in clear, and again under TLS.
//! struct Greeter { role: TlsRole, heard: Vec<String> }
//!
//! impl Protocol for Greeter {
//!     fn connection_made(&mut self, transport: &TransportRef) {
//!         match start_tls(transport, self.role.clone()) {
//!             Ok(transport) => transport.write(b"hello"),
//!             Err(error) => eprintln!("{error}"),
//!         }
//!     }
//!
//!     fn handshake_completed(&mut self, transport: &TransportRef) {
//!         let info = TlsTransport::of(transport).unwrap();
//!         self.heard.push(format!("{:?}", info.version));
//!     }
//!
//!     fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
//!         self.heard.push(String::from_utf8_lossy(data).into());
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let made = rcgen::generate_simple_self_signed(["localhost".to_string()])?;
//! let identity = Identity::from_pem(made.cert.pem(), made.signing_key.serialize_pem())?;
//! let server = TlsRole::server(ServerOptions::new(identity).build()?);
//! let roots = TrustRoots::from_pem(made.cert.pem())?;
//! let client = TlsRole::client(ClientOptions::new(roots).build()?, "localhost")?;
//!
//! let [client, server] =
//!     [client, server].map(|role| ProtocolHandle::new(Greeter { role, heard: Vec::new() }));
//! Pair::new(&client, &server).run();
//! for side in [client, server] {
//!     assert_eq!(side.try_call(|side| side.heard.clone()).unwrap(), ["TLSv1_3", "hello"]);
//! }
//! # Ok(()) }
//! ```

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!("retwist-tls needs cryptography: enable its feature aws-lc-rs or ring");

mod buffers;
mod certificate;
mod config;
mod ending;
mod error;
mod exporter;
mod factory;
mod info;
mod layer;
mod record;
mod role;
mod session;
mod start;
mod stats;
mod witness;

pub use config::{
    ClientCertificates, ClientOptions, ConfigError, Identities, Identity, Origin, Reload,
    Reloading, Resumption, ServerOptions, TicketKeys, TrustRoots, Validity, crypto_provider,
};
pub use error::TlsError;
pub use factory::TlsFactory;
pub use info::TlsInfo;
pub use layer::{ChannelBinding, TlsTransport};
pub use role::TlsRole;
/// The release of rustls whose configurations are taken everywhere.
pub use rustls;
pub use start::{start_tls, stop_tls, stop_tls_without_peer_notify};
pub use stats::TlsStats;
