//! Deferreds, async/await, tasks, threads and names on the reactor of retwist.

mod async_transport;
mod connect;
mod deferred;
mod executor;
mod failure;
mod gather;
mod home;
mod incoming;
mod into_deferred;
mod link;
mod lock;
mod promise;
mod queue;
mod semaphore;
mod shared;
mod sleep;
mod task_output;
mod wake;

pub use async_transport::AsyncTransport;
pub use connect::{connect, connect_protocol, dial};
pub use deferred::{Canceller, Deferred};
pub use executor::{Executor, Spawner};
pub use failure::{Failure, Fault, Outcome};
pub use gather::{AllFailed, deferred_list, gather_results, race};
pub use incoming::{Incoming, listen, listen_with};
pub use into_deferred::IntoDeferred;
pub use lock::DeferredLock;
pub use promise::{AlreadyCalled, Promise};
pub use queue::{DeferredQueue, QueueOverflow};
pub use semaphore::{DeferredSemaphore, Permit};
pub use sleep::{Sleep, TimedOut, defer_later, sleep, timeout};
pub use task_output::TaskOutput;
