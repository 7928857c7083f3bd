//! The ways of the suite itself.

mod memory;
mod udp;

pub use memory::Memory;
pub use udp::{Udp4, Udp6};
