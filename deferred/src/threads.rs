//! Threads beside the reactor's: a pool for work that blocks, and the way back.

mod pool_threads;
mod thread_local_cell;
mod thread_pool;
mod wait_from_thread;

pub(crate) use thread_local_cell::{ThreadKey, ThreadLocalCell};
pub use thread_pool::ThreadPool;
pub use wait_from_thread::wait_from_thread;
