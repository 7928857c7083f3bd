//! Endpoints from strings: where to listen and where to connect, as an administrator writes it on a
//! command line or in a file.
//!
//! ```no_run
//! use retwist::deferred::DialerExt;
//! use retwist::endpoint::{Network, client_from_string, server_from_string};
//! # use retwist::{Protocol, Reactor, TransportRef};
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
//! A program that takes a [`Network`] and listens on its [`reactor`](Network::reactor) does not know
//! which reactor it runs on: see [there](crate#one-program-any-reactor).
//!
//! # The language
//!
//! The language is Twisted's: the kind, then its arguments, with `:` between them. An argument is
//! given in order, or by its name: `name=value`. A backslash escapes a `:`, a `=` or a backslash in a
//! value; [`quote`] adds the backslashes.
//!
//! | a server | |
//! |---|---|
//! | `tcp:PORT` | listens on all IPv4 addresses of the machine; port 0 means a free port |
//! | `tcp:PORT:interface=ADDRESS` | listens on one address, IPv4 or IPv6: `interface=\:\:1`, with a scope `interface=fe80\:\:1%eth0` |
//! | `tcp:PORT:backlog=N` | the connections that the system holds until they are accepted |
//! | `tcp6:PORT` | listens on all addresses of both families, as `interface=\:\:` does; with `ipv6Only=yes` on IPv6 addresses alone. Takes the same options |
//!
//! | a client | |
//! |---|---|
//! | `tcp:HOST:PORT` | connects to an address, IPv4 or IPv6 (`tcp:\:\:1:25`), or to a name in any script, by the first of its addresses that answers ([`HostnameEndpoint`](retwist_deferred::HostnameEndpoint)) |
//! | `tcp:HOST:PORT:timeout=SECONDS` | stops after this time; default 30 s |
//! | `tcp:HOST:PORT:bindAddress=ADDRESS` | connects from this address of the machine |
//!
//! The system looks names up, in threads of a pool. With the feature `dns` a program may have them
//! looked up on the reactor itself. It makes its network with a resolver of its own:
//!
//! ```ignore
//! let handle = Rc::new(reactor.handle());
//! let resolver = DnsResolver::system(handle.clone());
//! let network = Network::with(handle, Rc::new(resolver));
//! ```
//!
//! | datagrams ([`datagram_from_string`]) | |
//! |---|---|
//! | `udp:PORT` | receives on all IPv4 addresses of the machine; port 0 means a free port |
//! | `udp:PORT:interface=ADDRESS` | receives on one address, IPv4 or IPv6 |
//! | `udp:PORT:reuse=yes` | shares the port with other programs that ask for it, as for multicast groups |
//! | `udp:PORT:broadcast=yes` | may send to broadcast addresses |
//! | `udp6:PORT` | receives on all IPv6 addresses; takes the same options |
//!
//! | a UNIX socket | |
//! |---|---|
//! | `unix:PATH` | a server listens on a socket file, and removes it when it stops. A file that a program left is taken over, and one that is in use is not ([`UnixListen`](retwist_reactor::UnixListen)). A client connects to it |
//! | `unix:@NAME` | an abstract name, which is not a file (Linux). A path that begins with `@` is written `./@…` |
//! | `unix:PATH:mode=660` | a server: the permissions of the file, in octal; by default what the umask leaves of 777 |
//! | `unix:PATH:lockfile=yes` | a server: holds a lock on `PATH.lock` while it listens, for programs that may start at the very same moment; default no |
//! | `unix:PATH:backlog=N` | a server: the connections that the system holds until they are accepted |
//! | `unix:PATH:timeout=SECONDS` | a client: stops after this time, while the queue of the server is full; default 30 s |
//!
//! | a child process | |
//! |---|---|
//! | `process:COMMAND` | a client: runs a program, and speaks to it by its standard input and output ([`connect_process`](retwist_reactor::ReactorHandle::connect_process)). The words of the command have spaces between them; quotes keep spaces in a word; there is no shell |
//! | `process:COMMAND:stderr=inherit` | its standard error is that of this program; by default its lines go to the log; `null` throws them away |
//! | `process:COMMAND:directory=PATH` | the directory that it starts in |
//! | `process:COMMAND:terminal=yes` | its three standard descriptors are a pseudo-terminal |
//! | `process:COMMAND:killAfter=SECONDS` | when the connection has ended and it still runs, it gets SIGTERM after this time, and SIGKILL after it again; default 2 s |
//!
//! | standard input and output | |
//! |---|---|
//! | `stdio:` | a server has one connection, which is the standard input and output of the program ([`ReactorStdio`](retwist_reactor::ReactorStdio)), on UNIX |
//! | `stdio:raw=yes` | sets a terminal to raw mode; default no |
//!
//! | a socket that the program was started with | |
//! |---|---|
//! | `systemd:index=N` | a server: the socket with this index, from 0, of those that systemd has passed, or another service manager in its way ([`ListenFds`](retwist_reactor::ListenFds)) |
//! | `systemd:name=NAME` | a server: the socket of this name (`FileDescriptorName=` of its unit) |
//! | `fd:NUMBER` | a server: the descriptor of this number, as a shell or another program gives it ([`inherited_descriptor`](retwist_reactor::inherited_descriptor)) |
//! | `systemd:domain=INET:…`, `fd:…:domain=UNIX` | makes sure that it is a socket of this family: `INET`, `INET6` or `UNIX` |
//!
//! # Layers
//!
//! A layer stands before the endpoint that it lies on: `haproxy:tcp:8080` is a PROXY header over
//! TCP, and `tls:privateKey=both.pem:haproxy:tcp:443` is TLS over a PROXY header over TCP, as a load
//! balancer sends it that does not look into TLS. Any layer may stand before any endpoint, up to 16
//! of them. The arguments of a layer always have their names: the first argument without a name is
//! the endpoint below, and the rest of the string belongs to it.
//!
//! | a layer | of a server | of a client |
//! |---|---|---|
//! | `tls:` or `ssl:` | TLS, [below](#tls) | TLS |
//! | `haproxy:` or `proxy:` | demands a PROXY header, of version 1 or 2, that names the client. Only peers in `trusted=10.0.0.0/8,192.0.2.1` are believed (default: this machine; `any`: all peers). `timeout=SECONDS`, default 10 | sends one: of `version=1` or 2, for itself, or for a client with `source=192.0.2.1\:1234:destination=192.0.2.2\:80` |
//! | `socks:` | | asks the SOCKS 5 proxy below for `host=NAME:port=N`, with an optional `user=NAME:password=WORD`. `timeout=SECONDS`, default 30 |
//! | `connect:` | | asks the HTTP proxy below in the same way, with CONNECT |
//! | `timeout:` | closes a connection that is silent for `idle=SECONDS` or older than `total=SECONDS`, and aborts it after `grace=SECONDS` more, default 10 | the same |
//! | `throttle:` | limits `read=RATE` and `write=RATE`, in bytes a second, with up to `burst=BYTES` at once, default one second's worth. `together=yes` means all connections of the endpoint together | the same |
//! | `limit:` | allows `total=N` connections, and `perPeer=N` from one address, which is the address in the PROXY header if there is one. IPv6 addresses count as one if their first `ipv6Prefix=BITS` agree, default 64 | |
//! | `tap:` | logs the bytes of the connection, up to `limit=BYTES` a piece | the same |
//!
//! # TLS
//!
//! `tls:` is a layer like the others, and may lie on itself. If no other endpoint is named, it lies
//! on TCP, and takes the arguments of TCP too: `tls:443:privateKey=both.pem`, and for a client
//! `tls:example.org:443`. A host with the name of a kind is written `tls:host=tap:port=443`. A
//! configuration that is made in code takes the place of `tls:` with [`ServerEndpoint::tls`] and
//! [`ClientEndpoint::tls`].
//!
//! | TLS of a server | |
//! |---|---|
//! | `privateKey=FILE:certKey=FILE` | PEM files with the key, and with the certificate and its chain. A file that has both is given alone |
//! | `certificates=FOLDER` | certificates by the name that the client asks for: each file `NAME.pem` has the key and the certificates of one name. A client that asks for no such name gets the certificate of `privateKey`, and is refused without one |
//! | `trustRoots=FILE` | clients must show a certificate that these certify; with `clientCertificates=optional` they may |
//! | `resumption=none`, `tickets`, or a number | how sessions are resumed: not at all, by tickets that clients keep, or by at most this many sessions that the server remembers; default: by tickets whose keys [change every six hours](crate::tls::TicketKeys::across_restarts), also after a [restart](crate::Restart) of the program |
//! | `ticketKeys=FILE` | the keys of tickets, 80 random bytes each (`openssl rand 80`): sessions are resumed by all servers that have them, also after a restart |
//! | `tickets=N` | the tickets that a client gets after a handshake; default 2 |
//!
//! | TLS of a client | |
//! |---|---|
//! | `trustRoots=FILE` | a certificate of this PEM file certifies the server; default: the certificates that the system trusts |
//! | `name=NAME` | the name that the server's certificate must have; default: the host |
//! | `certificate=FILE:privateKey=FILE` | the certificate that this client shows |
//! | `resumption=none` | makes a full handshake each time |
//!
//! | TLS of both | |
//! |---|---|
//! | `alpn=NAME,NAME` | the application protocols, best first |
//! | `logKeys=yes` | writes the keys of each connection to the file that `SSLKEYLOGFILE` names |
//! | `handshakeTimeout=SECONDS`, `closeTimeout=SECONDS`, `outputLimit=BYTES` | see [`TlsRole`](retwist_tls::TlsRole) |
//!
//! With [`Workers`](crate::Workers), an endpoint listens once for each worker. The workers share its
//! TLS configuration, and so the sessions; limits and rates count for each worker by itself.
//!
//! A mistake in a string is an [`EndpointError`], which knows its position. An application adds
//! endpoints and layers of its own with [`Endpoints`].

mod arguments;
mod client;
mod datagram;
mod endpoints;
mod error;
mod kinds;
mod server;
#[cfg(test)]
mod tests;

pub use arguments::{Position, Value, quote};
pub use client::{ClientEndpoint, EndpointDialer, client_from_string};
pub use datagram::{DatagramEndpoint, datagram_from_string};
pub use endpoints::Endpoints;
pub use error::{EndpointError, Mistake};
pub use retwist_deferred::Network;
pub use server::{ServerEndpoint, server_from_string};
