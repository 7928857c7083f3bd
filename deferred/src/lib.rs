//! Deferreds, async/await, tasks, threads and names on the reactor of retwist.

mod deferred;
mod executor;
mod failure;
mod home;
mod into_deferred;
mod promise;
mod shared;
mod sleep;
mod task_output;
mod wake;

pub use deferred::{Canceller, Deferred};
pub use executor::{Executor, Spawner};
pub use failure::{Failure, Fault, Outcome};
pub use into_deferred::IntoDeferred;
pub use promise::{AlreadyCalled, Promise};
pub use sleep::{Sleep, TimedOut, defer_later, sleep, timeout};
pub use task_output::TaskOutput;
