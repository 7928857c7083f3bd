//! Deferreds, async/await, tasks, threads and names on the reactor of retwist.
//!
//! Two ways to say what happens next, and both at once: a [`Deferred`] takes callbacks, and is a
//! [`Future`]; a future that is [spawned](Spawner::spawn) makes a Deferred. Both run in the
//! reactor's thread, by its clock, so that both run in a test without sockets and without waiting.
//!
//! | to | look at |
//! |---|---|
//! | promise a value, and add callbacks | [`Deferred`], [`Promise`], [`Failure`] |
//! | wait for several | [`gather_results`], [`deferred_list`], [`race`] |
//! | take turns, hand things on | [`DeferredLock`], [`DeferredSemaphore`], [`DeferredQueue`] |
//! | write `async fn` | [`Executor`], [`Spawner`], [`sleep`], [`timeout`](timeout()) |
//! | read and write a connection in one | [`AsyncTransport`], [`connect`](connect()), [`listen`] |
//! | do something again and again, or bit by bit | [`LoopingCall`], [`Cooperator`], [`defer_later`] |
//! | do something that blocks | [`ThreadPool`] |
//! | find a host, connect to it, stay connected | [`Resolver`], [`ascii_host`](ascii_host()), [`HostnameEndpoint`], [`ClientService`], [`Reconnecting`] |
//! | write `fn main` | [`react`](react()) |
//!
//! Nothing here panics, however it is used: what goes wrong is a [`Failure`] or another error
//! value. Whatever is cancelled leaves no timer, no task and no socket behind.
//!
//! # From callbacks to async, and back
//!
//! ```
//! use futures_util::io::{AsyncReadExt, AsyncWriteExt};
//! use retwist_deferred::{AsyncTransport, Executor, Spawner};
//! use retwist_reactor::testing::{ManualClock, Pair};
//! use retwist_reactor::{Protocol, ProtocolHandle, TransportRef};
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

mod async_transport;
mod backoff;
mod client_service;
mod connect;
mod cooperator;
mod deferred;
mod dialer;
mod executor;
mod failure;
mod gather;
mod home;
mod host_name;
mod hostname;
mod incoming;
mod into_deferred;
mod link;
mod lock;
mod looping_call;
mod promise;
mod queue;
mod react;
mod reconnecting;
mod resolver;
mod semaphore;
mod service_error;
mod shared;
mod sleep;
mod task_output;
mod thread_pool;
mod waiters;
mod wake;
mod watch;
mod workers;

pub use async_transport::AsyncTransport;
pub use backoff::Backoff;
pub use client_service::{ClientService, ServiceState};
pub use connect::{connect, connect_protocol};
pub use cooperator::{CooperativeTask, Cooperator};
pub use deferred::{Canceller, Deferred};
pub use dialer::{DialError, Dialer, DialerExt};
pub use executor::{Executor, Spawner};
pub use failure::{Failure, Fault, Outcome};
pub use gather::{AllFailed, deferred_list, gather_results, race};
pub use host_name::ascii_host;
pub use hostname::HostnameEndpoint;
pub use incoming::{Incoming, listen, listen_with};
pub use into_deferred::IntoDeferred;
pub use lock::DeferredLock;
pub use looping_call::{AlreadyLooping, LoopingCall};
pub use promise::{AlreadyCalled, Promise};
pub use queue::{DeferredQueue, QueueOverflow};
pub use react::react;
pub use reconnecting::{Reconnecting, Retries};
pub use resolver::{ResolveError, Resolver, SystemResolver};
pub use semaphore::{DeferredSemaphore, Permit};
pub use service_error::{AttemptError, ServiceError};
pub use sleep::{Sleep, TimedOut, defer_later, sleep, timeout};
pub use task_output::TaskOutput;
pub use thread_pool::ThreadPool;
