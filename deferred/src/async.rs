//! `async fn` on the reactor: tasks, and connections that tasks read and write.

mod async_transport;
mod executor;
mod incoming;
mod react;
mod ready_list;
mod sleep;
mod stream_protocol;
mod stream_state;

pub use async_transport::AsyncTransport;
pub use executor::{Executor, Spawner};
pub use incoming::{Incoming, listen, listen_with};
pub use react::react;
pub use sleep::{Sleep, TimedOut, sleep, timeout};
