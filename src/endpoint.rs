//! Endpoints from strings: where to listen and what to connect to, as an administrator writes it on
//! a command line or in a file.
//!
//! ```no_run
//! use retwist::endpoint::{client_from_string, server_from_string};
//! # use retwist::{Address, Protocol, Reactor, TransportRef};
//! # struct Echo;
//! # impl Protocol for Echo {
//! #     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) { transport.write(data) }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let reactor = Reactor::new()?;
//! let port = server_from_string("tcp:8007:interface=127.0.0.1")?.listen(&reactor, |_: &Address| Echo)?;
//! let client = client_from_string("tcp:192.0.2.1:25:timeout=5")?.connect(&reactor, |_: &Address| Echo);
//! # Ok(()) }
//! ```
//!
//! # The language
//!
//! Twisted's: the kind, then its arguments, all separated by `:`. An argument is given by its place
//! or by its name, as `name=value`. A backslash takes the meaning from a `:`, a `=` or a backslash
//! that belongs to a value; [`quote`] writes them.
//!
//! | a server | |
//! |---|---|
//! | `tcp:PORT` | on all IPv4 addresses of the machine; port 0 is one that is free |
//! | `tcp:PORT:interface=ADDRESS` | on one of them, IPv4 or IPv6: `interface=\:\:1` |
//! | `tcp:PORT:backlog=N` | connections that the system holds until they are accepted |
//! | `tcp6:PORT` | on all IPv6 addresses, and on no IPv4 address; takes the same options |
//! | `tls:PORT:privateKey=FILE:certKey=FILE` | TLS from the first byte; PEM files with the key, and with the certificate and those that certify it. If one file has both, it alone is given. Takes the options of `tcp:` |
//!
//! | a client | |
//! |---|---|
//! | `tcp:HOST:PORT` | an address, IPv4 or IPv6 (`tcp:\:\:1:25`), or `localhost` |
//! | `tcp:HOST:PORT:timeout=SECONDS` | gives up after this long; 30 s if it is not said |
//! | `tcp:HOST:PORT:bindAddress=ADDRESS` | from this address of the machine |
//! | `tls:HOST:PORT` | TLS from the first byte, with a server that those certify whom the system trusts; takes the same options |
//! | `tls:HOST:PORT:trustRoots=FILE` | certified by those in this PEM file |
//! | `tls:HOST:PORT:name=NAME` | that proves to be this one, instead of the host |
//! | `tls:HOST:PORT:certificate=FILE:privateKey=FILE` | to which this client proves who it is |
//!
//! `ssl:` is another name for `tls:`.
//!
//! A mistake is an [`EndpointError`], which knows the place of it.

mod client;
mod description;
mod error;
mod server;
mod tls;

pub use client::{ClientEndpoint, client_from_string};
pub use description::quote;
pub use error::{EndpointError, Mistake};
pub use server::{ServerEndpoint, server_from_string};
