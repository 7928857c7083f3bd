//! The ways and layers of the suite itself, on which others stand.

#[cfg(unix)]
mod child;
#[cfg(unix)]
mod descriptors;
mod layers;
mod memory;
mod tcp;
#[cfg(unix)]
mod unix;

#[cfg(unix)]
pub use child::Child;
#[cfg(unix)]
pub use descriptors::{Descriptors, Pairs, Pipes, SocketPair};
pub use layers::{Cut, Farewell, Holding, Plain};
pub use memory::Memory;
pub use tcp::{TcpV4, TcpV6};
#[cfg(unix)]
pub use unix::Unix;
