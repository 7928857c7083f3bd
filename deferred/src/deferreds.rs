//! Values that are not there yet: promises, chains of callbacks, groups, queues, and calls that
//! repeat.

mod ask;
mod cooperator;
mod defer_later;
mod deferred;
mod failure;
mod from_callback;
mod gather;
mod into_deferred;
mod lock;
mod looping_call;
mod promise;
mod queue;
mod semaphore;
mod shared;
mod shared_deferred;
mod task_output;
mod waiters;

pub use ask::Ask;
pub use cooperator::{CooperativeTask, Cooperator};
pub use defer_later::defer_later;
pub use deferred::{Canceller, Deferred};
pub use failure::{Failure, Interrupted, IntoBoxedError, Outcome};
pub use gather::{AllFailed, deferred_list, gather_results, race};
pub use into_deferred::{IntoDeferred, maybe_deferred};
pub use lock::DeferredLock;
pub use looping_call::{AlreadyLooping, LoopingCall};
pub use promise::{AlreadyCalled, Promise};
pub use queue::{DeferredQueue, QueueOverflow};
pub use semaphore::{DeferredSemaphore, Permit};
pub use shared_deferred::SharedDeferred;
pub use task_output::{TaskOutput, Value};
pub(crate) use waiters::Waiters;
