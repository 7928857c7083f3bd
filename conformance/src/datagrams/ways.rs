//! The ways of the suite itself.

mod memory;
mod udp;
#[cfg(unix)]
mod unix;

pub use memory::Memory;
pub use udp::{Udp4, Udp6};
#[cfg(unix)]
pub use unix::Unix;
