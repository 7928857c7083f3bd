//! Deferreds, async/await, tasks, threads and names on the reactor of retwist.

mod deferred;
mod failure;
mod into_deferred;
mod promise;
mod shared;

pub use deferred::{Canceller, Deferred};
pub use failure::{Failure, Fault, Outcome};
pub use into_deferred::IntoDeferred;
pub use promise::{AlreadyCalled, Promise};
