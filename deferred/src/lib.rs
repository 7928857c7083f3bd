//! Deferreds, async/await, tasks, threads and names on the reactor of retwist.
//!
//! A [`Deferred`] takes callbacks, and is a [`Future`] that async code awaits. A future that is
//! [spawned](Spawner::spawn) makes a Deferred. Both run in the reactor's thread and on its clock, so
//! tests run them without sockets and without sleeping.
//!
//! | to | look at |
//! |---|---|
//! | promise a value, and add callbacks | [`Deferred`], [`Promise`], [`Failure`] |
//! | wait for several Deferreds, or share one | [`gather_results`], [`deferred_list`], [`race`], [`SharedDeferred`] |
//! | lock, limit, queue | [`DeferredLock`], [`DeferredSemaphore`], [`DeferredQueue`] |
//! | write `async fn` | [`Executor`], [`Spawner`], [`sleep`], [`timeout`](timeout()) |
//! | read and write a connection in an `async fn` | [`AsyncTransport`], [`connect`](connect()), [`listen`] |
//! | repeat a call, delay it, do long work in steps | [`LoopingCall`], [`defer_later`], [`Cooperator`] |
//! | do work that blocks, wait in another thread | [`ThreadPool`], [`wait_from_thread`] |
//! | find a host, connect to it, stay connected | [`Resolver`], [`ascii_host`](ascii_host()), [`HostnameEndpoint`], [`ClientService`], [`Reconnecting`] |
//! | look names up by DNS without a thread: MX, SRV, TXT and all others too (feature `dns`) | `names` |
//! | run a program for its output, or for how it ends | `process_output`, `process_exit` (UNIX) |
//! | write `fn main` | [`react`](react()) |
//!
//! Nothing here panics: all errors, also those of misuse, are a [`Failure`] or another error value.
//! Work that is cancelled leaves no timer, no task and no socket behind.
//!
//! # Floor plan
//!
//! There are six houses. Each uses only its own parts and the houses below it; a test holds this.
//!
//! ```text
//! 6  processes    programs that are run for what they say
//! 5  names        DNS on the reactor: records, a cache, the addresses of a host
//! 4  connecting   the addresses of a host, a connection with it, another one when that is lost
//! 3  async        tasks, and connections that tasks read and write
//! 2  threads      a pool for work that blocks, and the way back to the reactor's thread
//! 1  deferreds    promises, chains of callbacks, groups, queues, repeated calls
//! ```
//!
//! # From callbacks to async, and back
//!
//! ```
//! # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
//! use futures_util::io::{AsyncReadExt, AsyncWriteExt};
//! use retwist::deferred::{AsyncTransport, Executor, Spawner};
//! use retwist::testing::{ManualClock, Pair};
//! use retwist::{Protocol, ProtocolHandle, TransportRef};
//! use std::rc::Rc;
//!
//! /// Waits for a line by callback, and leaves the rest to a task.
//! struct Server { spawner: Spawner }
//!
//! impl Protocol for Server {
//!     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
//!         let Some(end) = data.iter().position(|byte| *byte == b'\n') else {
//!             return transport.unread(data);
//!         };
//!         transport.unread(&data[end + 1..]);
//!         let Some(mut connection) = AsyncTransport::adopt(transport) else { return };
//!         self.spawner.spawn(async move {
//!             let mut number = [0; 4];
//!             connection.read_exact(&mut number).await?;
//!             connection.write_all(b"thanks").await
//!         });
//!     }
//!     fn read_connection_lost(&mut self, _: &TransportRef) {}
//! }
//!
//! # #[derive(Default)]
//! # struct Client { heard: Vec<u8> }
//! # impl Protocol for Client {
//! #     fn connection_made(&mut self, transport: &TransportRef) {
//! #         transport.write(b"number follows\n1234");
//! #     }
//! #     fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
//! #         self.heard.extend_from_slice(data);
//! #     }
//! # }
//! let clock = Rc::new(ManualClock::new());
//! let executor = Executor::on_clock(&clock);
//! let client = ProtocolHandle::new(Client::default()); // sends "number follows\n1234"
//! let pair = Pair::on(&clock, &client, Server { spawner: executor.spawner() });
//! pair.run();
//! assert_eq!(client.try_call(|client| client.heard.clone()).unwrap(), b"thanks");
//! ```

mod r#async;
mod connecting;
mod deferreds;
#[cfg(feature = "dns")]
pub mod names;
#[cfg(unix)]
mod processes;
mod threads;

pub use r#async::{
    AsyncTransport, Executor, Incoming, Sleep, Spawner, TimedOut, listen, listen_with, react,
    sleep, timeout,
};
pub use connecting::{
    AttemptError, Backoff, ClientService, DialError, Dialer, DialerExt, HostPort, HostnameEndpoint,
    IntoHostPort, Network, Reconnecting, ResolveError, Resolver, Retries, ServiceError,
    ServiceState, SystemResolver, ascii_host, connect, connect_protocol,
};
pub use deferreds::{
    AllFailed, AlreadyCalled, AlreadyLooping, Ask, Canceller, CooperativeTask, Cooperator,
    Deferred, DeferredLock, DeferredQueue, DeferredSemaphore, Failure, Interrupted, IntoBoxedError,
    IntoDeferred, LoopingCall, Outcome, Permit, Promise, QueueOverflow, SharedDeferred, TaskOutput,
    Value, defer_later, deferred_list, gather_results, maybe_deferred, race,
};
#[cfg(unix)]
pub use processes::{
    ProcessFailure, ProcessOutput, process_exit, process_output, process_output_and_exit,
};
pub use threads::{ThreadPool, wait_from_thread};
