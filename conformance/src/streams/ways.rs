//! The ways and layers of the suite itself, on which others stand.

mod layers;
mod memory;
mod tcp;
#[cfg(unix)]
mod unix;

pub use layers::{Cut, Farewell, Holding, Plain};
pub use memory::Memory;
pub use tcp::{TcpV4, TcpV6};
#[cfg(unix)]
pub use unix::Unix;
