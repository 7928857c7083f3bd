//! Endpoints from strings: where to listen and what to connect to, as an administrator writes it on
//! a command line or in a file.
//!
//! ```no_run
//! use retwist::deferred::DialerExt;
//! use retwist::endpoint::{Network, client_from_string, server_from_string};
//! # use retwist::{Address, Protocol, Reactor, TransportRef};
//! # struct Echo;
//! # impl Protocol for Echo {
//! #     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) { transport.write(data) }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let reactor = Reactor::new()?;
//! let port = server_from_string("tls:privateKey=both.pem:haproxy:tcp:443")?;
//! port.listen(&reactor, |_| Echo)?;
//!
//! let network = Network::new(&reactor);
//! let mail = client_from_string("tls:mail.example.org:993")?.on(&network);
//! mail.connect_to(Echo).done(|connected| match connected {
//!     // The protocol itself, which has heard `connection_made`.
//!     Ok(echo) => println!("connected: {echo:?}"),
//!     Err(failure) => println!("{failure}"),
//! });
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
//!
//! | a client | |
//! |---|---|
//! | `tcp:HOST:PORT` | an address, IPv4 or IPv6 (`tcp:\:\:1:25`), or a name, in any script, of whose addresses the first that answers is taken ([`HostnameEndpoint`](retwist_deferred::HostnameEndpoint)) |
//! | `tcp:HOST:PORT:timeout=SECONDS` | gives up after this long; 30 s if it is not said |
//! | `tcp:HOST:PORT:bindAddress=ADDRESS` | from this address of the machine |
//!
//! UNIX sockets (`unix:`) are not supported yet, and the mistake says so.
//!
//! # Layers
//!
//! What goes over a connection stands before it: `haproxy:tcp:8080` is a PROXY header over TCP, and
//! `tls:privateKey=both.pem:haproxy:tcp:443` is TLS over a PROXY header over TCP, as a load balancer
//! sends it that does not look into TLS. Any layer may stand before any endpoint, up to 16 of them.
//! The arguments of a layer always have their names, so that the first one without a name is what
//! the layer lies on, and all the rest belongs to that.
//!
//! | a layer | of a server | of a client |
//! |---|---|---|
//! | `tls:` or `ssl:` | TLS, [below](#tls) | TLS |
//! | `haproxy:` or `proxy:` | demands a PROXY header, of version 1 or 2, which says who the client is. Believed is who connects from an address in `trusted=10.0.0.0/8,192.0.2.1`; from this machine, if it is not said; `any` for everyone. `timeout=SECONDS`, 10 if it is not said | sends one: of `version=1` or 2, for itself, or for a client with `source=192.0.2.1\:1234:destination=192.0.2.2\:80` |
//! | `socks:` | | asks the SOCKS 5 proxy below for `host=NAME:port=N`, perhaps as `user=NAME:password=WORD`. `timeout=SECONDS`, 30 if it is not said |
//! | `connect:` | | asks the HTTP proxy below in the same way, by CONNECT |
//! | `timeout:` | closes a connection that is silent for `idle=SECONDS` or older than `total=SECONDS`, and aborts it after `grace=SECONDS` more, 10 if it is not said | the same |
//! | `throttle:` | `read=RATE` and `write=RATE`, in bytes a second; up to `burst=BYTES` at once, one second's worth if it is not said; `together=yes` for all connections of the endpoint together | the same |
//! | `limit:` | at most `total=N` connections, and `perPeer=N` from one address, which is the proxy's where there is one; IPv6 addresses count as one that agree in the first `ipv6Prefix=BITS`, 64 if it is not said | |
//! | `tap:` | logs what goes over the connection, up to `limit=BYTES` a piece | the same |
//!
//! # TLS
//!
//! `tls:` is a layer as the others are, and may lie on itself. Where no other kind of endpoint is
//! named it lies on TCP, whose arguments it then takes too: `tls:443:privateKey=both.pem`, and for a
//! client `tls:example.org:443`. A host that has the name of a kind is `tls:host=tap:port=443`.
//!
//! | TLS of a server | |
//! |---|---|
//! | `privateKey=FILE:certKey=FILE` | PEM files with the key, and with the certificate and those that certify it. If one file has both, it alone is given |
//! | `certificates=FOLDER` | by the name that the client asks for: each file `NAME.pem` there has key and certificates of one. Who asks for none of them gets that of `privateKey`, and is refused without it |
//! | `trustRoots=FILE` | clients show a certificate that these certify; with `clientCertificates=optional` those do that have one |
//! | `resumption=none`, `tickets`, or a number | how sessions are resumed: not at all, by what clients keep, or by what the server remembers, which is 256 sessions if it is not said |
//! | `tickets=N` | how many a client gets after a handshake, 2 if it is not said |
//!
//! | TLS of a client | |
//! |---|---|
//! | `trustRoots=FILE` | the server is certified by those in this PEM file; by those whom the system trusts if it is not said |
//! | `name=NAME` | and proves to be this one, if it is not the host that is connected to |
//! | `certificate=FILE:privateKey=FILE` | to which this client proves who it is |
//! | `resumption=none` | every handshake is a full one |
//!
//! | TLS of both | |
//! |---|---|
//! | `alpn=NAME,NAME` | the protocols that are spoken, best first |
//! | `logKeys=yes` | writes the keys of each connection to the file that `SSLKEYLOGFILE` names |
//! | `handshakeTimeout=SECONDS`, `closeTimeout=SECONDS`, `outputLimit=BYTES` | see [`TlsRole`](retwist_tls::TlsRole) |
//!
//! On [`Workers`](crate::Workers) an endpoint listens once for each. They share its configuration of
//! TLS, and so the sessions; limits and rates are for each worker by itself.
//!
//! A mistake in a string is an [`EndpointError`], which knows the place of it. An application adds
//! endpoints and layers of its own in [`Endpoints`].

mod arguments;
mod client;
mod endpoints;
mod error;
mod kinds;
mod network;
mod server;
#[cfg(test)]
mod tests;

pub use arguments::{Position, Value, quote};
pub use client::{ClientEndpoint, EndpointDialer, client_from_string};
pub use endpoints::Endpoints;
pub use error::{EndpointError, Mistake};
pub use network::Network;
pub use server::{ServerEndpoint, server_from_string};
