//! Twisted's programming model in Rust: a single-threaded reactor drives [`Protocol`] objects over
//! [`Transport`]s, and TLS is a layer that a conversation enters, stacks and leaves, with every
//! byte accounted for.
//!
//! It is for callback-based network protocols: one thread, so no locks and no `Send`; callbacks, so
//! no `async` colouring; state in plain structs. It is not a runtime for files, databases or HTTP
//! frameworks, and it spreads no work over cores by itself: where that is wanted there are
//! [`Workers`].
//!
//! # A server in twenty lines
//!
//! ```no_run
//! use retwist::{Protocol, Reactor, Reason, TransportRef};
//!
//! struct Echo;
//!
//! impl Protocol for Echo {
//!     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
//!         transport.write(data);
//!     }
//!
//!     fn connection_lost(&mut self, reason: &Reason) {
//!         println!("{reason}");
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let reactor = Reactor::new()?;
//!     let port = reactor.listen_tcp(8007, |_| Echo)?;
//!     println!("listening on {}", port.address());
//!     reactor.run()?;
//!     Ok(())
//! }
//! ```
//!
//! What it does beyond what it says: a client that sends and does not read is read no further once
//! 64 KiB wait for it; one that closes its write half gets all its bytes before the close; a panic
//! in `Echo` costs that connection alone; Ctrl-C closes every connection in order.
//!
//! On four cores, the same server is four reactors on one port, which share nothing:
//!
//! ```no_run
//! # use retwist::{Address, Protocol, TransportRef, Workers, WorkersError};
//! # struct Echo;
//! # impl Protocol for Echo {
//! #     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) { transport.write(data) }
//! # }
//! # fn main() -> Result<(), WorkersError> {
//! Workers::new(4).run(|worker| {
//!     worker.listen_tcp(8007, |_| Echo)?;
//!     Ok(())
//! })
//! # }
//! ```
//!
//! # The rules
//!
//! Eight rules hold on every transport, whatever it is made of. Everything else follows from them.
//!
//! 1. **A protocol is only ever called by the turn of its transport.** No transport method calls a
//!    protocol: `write`, `lose_connection`, `switch_protocol`, `resume_producing` change state, and
//!    what follows happens in a turn.
//! 2. **A protocol is handed its transport in every callback, and may clone it and keep it.**
//!    Ownership is a tree (reactor, connection, seat, protocol); every handle is weak. A handle
//!    whose connection has gone is safe in every method: it does nothing, and says so when asked.
//! 3. **A handle serves the protocol that it was given to.** After `switch_protocol` the old handle
//!    is revoked: a `write` on it is dropped with a warning in the log. So once TLS is layered on,
//!    nothing above can put plaintext under it.
//! 4. **Bytes that a protocol did not use belong to the transport.** [`unread`](Transport::unread)
//!    gives them back, and whoever is then in the seat gets them first. What is pipelined behind a
//!    STARTTLS reaches the TLS engine as ciphertext, never the application.
//! 5. **`connection_made` exactly once, before anything else; `connection_lost` exactly once,
//!    last,** whatever happens, the reactor's end included. A protocol that moves from one
//!    transport to another hears `transport_switched` and not `connection_made`.
//! 6. **A closed transport is closed.** After `lose_connection`, writes are dropped and no more
//!    data is delivered, on every kind of transport alike. What was written before is flushed
//!    first, registered producers are waited for, and all of it is under a deadline, after which
//!    the connection is aborted.
//! 7. **A panic in a callback costs that connection,** which is logged with its peer, aborted, and
//!    told so; and nothing else.
//! 8. **Nothing is unbounded by default:** unsent output, unread input, a frame's length, a
//!    handshake's time, connections accepted in one turn. Each bound is a documented setting.
//!
//! # The parts
//!
//! | to | look at |
//! |---|---|
//! | listen, connect, run, call later | [`Reactor`], [`TcpListen`], [`TcpConnect`], [`Clock`] |
//! | say what happens on a connection | [`Protocol`], [`Factory`] |
//! | write, close, pause, switch | [`Transport`] |
//! | send more than fits at once | [`Producer`] |
//! | put something between a transport and a protocol | [`Layer`] |
//! | start TLS, stack it, leave it | [`tls`] |
//! | receive lines, records, messages; limit, throttle, watch | [`protocols`] |
//! | say where as a string, `tcp:8007:interface=127.0.0.1` | [`endpoint`] |
//! | port an application from Twisted | [`porting`] |
//! | find out why it ended | [`Reason`], [`ConnectError`], [`ListenError`] |
//! | wait for a value or several, write `async fn`, use threads, look up names, stay connected | [`deferred`] |
//! | call in from another thread | [`Remote`] |
//! | use more than one core | [`Workers`] |
//! | test all this without sockets or waiting | [`testing`] |
//!
//! # Where a callback comes from
//!
//! One pass of the loop: timers that are due; calls from other threads; then the system is asked
//! what has happened. Each connection that has something to read is read once, at most 64 KiB, its
//! protocol is called, and what it wrote is sent with one system call. Then come those who asked
//! for a turn, the calls asked for with [`call_soon`](Clock::call_soon), and what was written to
//! other connections on the way. Whatever these ask for comes in the next pass, so that nobody
//! keeps the others waiting. A reactor with nothing to do makes no system call at all.

pub mod endpoint;
pub mod porting;
mod workers;

#[doc(inline)]
pub use retwist_deferred as deferred;
#[doc(inline)]
pub use retwist_protocols as protocols;
pub use retwist_reactor::*;
#[doc(inline)]
pub use retwist_tls as tls;
pub use workers::{Worker, Workers, WorkersError};

/// The code in the README is compiled like any other example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
