//! Twisted's programming model in Rust: a single-threaded reactor drives [`Protocol`] objects over
//! [`Transport`]s, and TLS is a layer that a conversation enters, stacks and leaves, with every
//! byte accounted for.
//!
//! **New here? Begin with [the guide](guide).**
//!
//! Use it for network protocols that are written as callbacks. There is one thread, so there are no
//! locks and no `Send`; there is no `async` colouring; the state of a connection is a plain struct.
//! It is not a runtime for files, databases or HTTP frameworks. It uses one core unless you ask for
//! [`Workers`].
//!
//! # A server in twenty lines
//!
//! ```no_run
//! use retwist::{MainError, Protocol, Reactor, Reason, TransportRef};
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
//! fn main() -> Result<(), MainError> {
//!     let reactor = Reactor::new()?;
//!     let port = reactor.listen_tcp(8007, |_| Echo)?;
//!     println!("listening on {}", port.address());
//!     reactor.run()?;
//!     Ok(())
//! }
//! ```
//!
//! What you get for free: if a client sends but does not read, the reactor stops reading from it
//! once 64 KiB of output are pending. A client that closes its write half receives all its bytes
//! before the close. A panic in `Echo` costs that connection alone. Ctrl-C closes every connection
//! in order.
//!
//! On four cores, the same server is four reactors on one port, which share nothing:
//!
//! ```no_run
//! # use retwist::{Protocol, TransportRef, Workers, WorkersError};
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
//! 1. **The reactor calls a protocol only in the turn of its transport.** No transport method calls
//!    a protocol: `write`, `lose_connection`, `switch_protocol` and `resume_producing` change state,
//!    and their effects follow in a turn. So `&mut self` in a callback is never taken twice.
//! 2. **A protocol is handed its transport in every callback, and may clone it and keep it.**
//!    Ownership is a tree (reactor, connection, seat, protocol), and every handle is weak. If the
//!    connection has gone, every method of a handle is safe: it does nothing, and the handle says so
//!    when asked.
//! 3. **A handle serves the protocol that it was given to.** After `switch_protocol` the old handle
//!    is revoked: a `write` on it is dropped with a warning in the log. So once TLS is layered on,
//!    nothing above it can put plaintext under it.
//! 4. **Bytes that a protocol did not use belong to the transport.** [`unread`](Transport::unread)
//!    gives them back, and the protocol that is in the seat then gets them first. What a client
//!    pipelines behind a STARTTLS reaches the TLS engine as ciphertext, never the application.
//! 5. **`connection_made` comes exactly once, before anything else; `connection_lost` comes exactly
//!    once, last,** whatever happens, the reactor's end included. A protocol that moves from one
//!    transport to another hears `transport_switched` and not `connection_made`.
//! 6. **A closed transport is closed.** After `lose_connection`, writes are dropped and no more
//!    data is delivered, on every kind of transport alike. What was written before is sent first,
//!    however much it is, and the close waits for a producer that has more to write. A deadline limits the
//!    time without progress, not the whole: a peer that takes bytes, however slowly, is served, and
//!    one that takes none is aborted. A connection that broke is never reported, or passed on, as
//!    one that ended cleanly.
//! 7. **A panic in a callback costs that connection, and nothing else.** The connection is logged
//!    with its peer and aborted, and `connection_lost` gives the panic as the reason. A callback is
//!    all code of the application that the reactor runs for a connection: protocols, layers,
//!    factories, producers, timers, and each `Drop` of these.
//! 8. **Nothing is unbounded by default:** unsent output, unread input, a frame's length, a
//!    handshake's time, the connections accepted in one turn, the callbacks of one connection in one
//!    pass of the loop. Each bound is a documented setting. So no connection, whatever its code
//!    does, delays the others by more than its share.
//!
//! # The parts
//!
//! | to | look at |
//! |---|---|
//! | listen, connect, run | [`Reactor`], [`TcpListen`], [`TcpConnect`], [`UnixListen`], [`UnixConnect`] |
//! | define what happens on a connection | [`Protocol`], [`Factory`] |
//! | write, close, pause, switch, be told what is sent | [`Transport`] |
//! | run another program, talk to it, hear how it ends | [`Program`], [`ProcessProtocol`], [`ReactorHandle::connect_process`] |
//! | receive and send datagrams | [`DatagramProtocol`], [`DatagramTransport`], [`UdpListen`], [`UnixDatagramListen`] |
//! | pass open files to another program | [`UnixDescriptors`] |
//! | call later | [`Clock`]; in a protocol `transport.call_later` |
//! | call a protocol from other code, from a timer, from a Deferred | [`WeakProtocol`], by `transport.me(self)` |
//! | send more than fits at once | [`Producer`] |
//! | finish work when the reactor stops | [`Protocol::shutting_down`] |
//! | stop once all connections have ended | [`ReactorHandle::drain`] |
//! | replace the program by its new version, handle a signal | [`Restart`], [`ReactorHandle::on_signal`] |
//! | put something between a transport and a protocol | [`Layer`] |
//! | start TLS, stack it, leave it | [`tls`] |
//! | hold the conversation before TLS, in twelve dialects of STARTTLS | [`protocols::StartTlsServer`], [`protocols::StartTlsClient`] |
//! | send mail over SMTP, read it over POP3 and IMAP (feature `mail`) | `mail` |
//! | call commands of a peer, and answer its own (AMP) | [`protocols::amp`] |
//! | receive lines, records, messages; limit, throttle, watch | [`protocols`] |
//! | describe where to listen or connect in a string, `tcp:8007:interface=127.0.0.1` | [`endpoint`] |
//! | learn all this, from the first server on | [`guide`] |
//! | port an application from Twisted | [`porting`] |
//! | find out why a connection ended or did not begin | [`Reason`], [`ConnectError`], [`ListenError`] |
//! | connect to a host by its name, `"example.org:25"` | [`Network`](deferred::Network) |
//! | wait for a value or several, write `async fn`, use threads, look up names, stay connected | [`deferred`] |
//! | look names up by DNS without a thread, of every type (feature `dns`) | `deferred::names` |
//! | call in from another thread | [`Remote`] |
//! | use more than one core | [`Workers`] |
//! | take over a socket that another program opened | [`AdoptedSocket`] |
//! | be a service of systemd: its sockets, readiness, the watchdog | [`ListenFds`], [`ServiceManager`], `systemd:` [endpoints](endpoint) |
//! | run inside another loop, pass by pass | [`embedding`] |
//! | write a program that does not know which reactor it runs on | [`FullReactor`], [below](#one-program-any-reactor) |
//! | see what the reactor does, by connection and by port | [`Stats`], [`ReactorHandle::stats`], [`Figures`] |
//! | ask a server that runs, have its figures collected, look at it in a browser (feature `operations`) | `operations` |
//! | test all this without sockets or waiting | [`testing`] |
//!
//! The parts are crates of their own. A program depends on `retwist` alone, and all examples are written so.
//!
//! # Where a callback comes from
//!
//! One pass of the loop runs the timers that are due, then the calls from other threads, then asks
//! the system what has happened. The reactor reads each connection that has input once, at most
//! 64 KiB, calls its protocol, and sends what the protocol wrote with one system call. Then it runs
//! the connections that asked for a turn and the calls made with [`call_soon`](Clock::call_soon),
//! and sends what was written to other connections on the way. What these ask for comes in the next
//! pass, so that no connection keeps the others waiting. A reactor with nothing to do makes no system
//! call at all.
//!
//! # One program, any reactor
//!
//! A program need not name [`Reactor`]. The trait [`FullReactor`] has everything that a reactor does:
//! streams, datagrams, time, threads, the beginning and the end. A [`Network`](deferred::Network) adds
//! the names of hosts. Endpoints, clients, services, thread pools and executors take these, so a
//! program that is handed a network runs unchanged on a reactor, in memory under a test that does
//! everything by hand, and on a host of a simulation: any value that implements the traits.
//!
//! ```
//! use std::rc::Rc;
//! use retwist::deferred::{Deferred, Value};
//! use retwist::endpoint::{Network, server_from_string};
//! use retwist::testing::MemoryReactor;
//! # use retwist::{Protocol, TransportRef};
//! # struct Echo;
//! # impl Protocol for Echo {
//! #     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) { transport.write(data) }
//! # }
//!
//! fn program(network: &Network) -> Result<(), Box<dyn std::error::Error>> {
//!     let reactor = network.reactor();
//!     server_from_string("tcp:8007:interface=127.0.0.1")?.listen(&*reactor, |_| Echo)?;
//!     let sum = network.pool().defer_to_thread(|| Value((1..=1000_u64).sum::<u64>()));
//!     sum.done(move |sum| {
//!         println!("{sum:?}");
//!         reactor.stop();
//!     });
//!     Ok(())
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # if false {
//! // In `main`:
//! let reactor = retwist::Reactor::new()?;
//! program(&Network::new(&reactor))?;
//! reactor.run()?;
//! # }
//!
//! // In a test:
//! let reactor = Rc::new(MemoryReactor::new());
//! let names = |_: &str, port| Deferred::succeed(vec![([127, 0, 0, 1], port).into()]);
//! program(&Network::with(reactor.clone(), Rc::new(names)))?;
//! assert_eq!(reactor.listening().len(), 1);
//! reactor.run_job();
//! assert!(reactor.is_stopping() && reactor.shut_down());
//! # Ok(()) }
//! ```
//!
//! # The log
//!
//! Where these pages say that something is logged, a line goes to the crate [`log`]. It shows once the
//! program installs a logger, such as `env_logger`. Warnings are for mistakes of the program, such as
//! a write through a revoked handle. So a test that behaves strangely is easier to understand with a
//! logger.
//!
//! # Systems
//!
//! retwist is for Linux (with glibc or musl), macOS, FreeBSD and Windows, with 64 and 32 bits, and for
//! Rust 1.88 and newer. The tests run on Linux, those of the reactor with musl and 32 bits too, and on
//! Windows as far as Wine shows it; for the other systems, everything is compiled. What a system
//! lacks is absent from these pages there, and does not fail when it is called:
//!
//! | | Linux | macOS | FreeBSD | Windows |
//! |---|---|---|---|---|
//! | TCP, UDP, TLS, timers, threads, names, endpoints | yes | yes | yes | yes |
//! | UNIX sockets, descriptors that go with the bytes | yes | yes | yes | no |
//! | child processes, pseudo-terminals, standard input and output, streams over descriptors | yes | yes | yes | no |
//! | sockets that others have opened, service managers, descriptors of other code | yes | yes | yes | no |
//! | abstract names of UNIX sockets | yes | no | no | no |
//! | the number of the process at the other end of a UNIX socket | yes | yes | no | no |
//! | several datagrams a system call | yes | one | one | one |
//! | several sockets on one TCP port (`TcpListen::reuse_port`) | shared out | one gets all | shared out | no |
//! | [`Workers`] accept from | a socket each | one socket, to the least busy | a socket each | one socket, to the least busy |
//! | `TcpOptions::keep_alive` | yes | yes | yes | set it only |
//! | what ends a reactor that runs | SIGINT, SIGTERM | SIGINT, SIGTERM | SIGINT, SIGTERM | Ctrl-C, Ctrl-Break |
//! | a signal that the process ignores stays ignored | yes | no | no | yes |
//! | [`Transport::unacknowledged`] counts what the system holds | yes | no | no | no |
//!
//! # Features
//!
//! | feature | default | brings |
//! |---|---|---|
//! | `aws-lc-rs` | yes | the cryptography of [`tls`], with post-quantum key exchange; needs a C compiler |
//! | `ring` | no | other cryptography, which builds in more places. One of the two has to be on; with both, `aws-lc-rs` is used |
//! | `child-descriptors` | yes | [`Program::descriptor`] above 2, on UNIX |
//! | `idna` | yes | names of hosts with letters outside of ASCII |
//! | `dns` | no | `deferred::names`: names by DNS on the reactor itself, and records of every type; the system and its threads stay the default |
//! | `mail` | no | `mail`: clients of mail |
//! | `operations` | no | `operations`: a console, and the three below. Each of the three alone brings the console, too |
//! | `health` | no | `operations::Health`: an endpoint that a load balancer asks for the health of the service |
//! | `metrics` | no | `operations::metrics`: the figures of a reactor for the crate `metrics`, and an endpoint that Prometheus reads |
//! | `page` | no | `operations::Page`: the figures of a reactor on a page in the browser |
//! | `tokio-codec` | no | [`protocols`] gets `Codec`: framings from the decoders and encoders of tokio-util |
//! | `sasl` | no | [`protocols`] gets the module `sasl`: authentication for servers and clients (PLAIN, LOGIN, SCRAM-SHA-256 and -PLUS) |

// What a reader copies compiles without a warning about it.
#![doc(test(attr(deny(unused_imports, unused_mut))))]

pub mod endpoint;
pub mod guide;
#[cfg(feature = "mail")]
pub mod mail;
pub mod porting;
mod workers;

#[doc(inline)]
pub use retwist_deferred as deferred;
#[cfg(any(
    feature = "operations",
    feature = "health",
    feature = "metrics",
    feature = "page"
))]
#[doc(inline)]
pub use retwist_operations as operations;
#[doc(inline)]
pub use retwist_protocols as protocols;
pub use retwist_reactor::*;
#[doc(inline)]
pub use retwist_tls as tls;
#[cfg(unix)]
pub use workers::OtherWorkers;
pub use workers::{
    Balance, Replacing, WhenStuck, Worker, WorkerCount, WorkerCountError, Workers, WorkersError,
    WorkersStatus,
};

/// The code in the README is compiled like any other example.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
