//! The suite for ports of datagrams.

mod case;
mod cases;
mod facts;
mod kind;
mod list;
mod open;
mod peer;
mod tests_of;
mod way;
mod ways;
mod world;

pub use case::{Case, case, cases};
pub use facts::{Ability, Facts};
pub use kind::Kind;
pub use open::Open;
pub use peer::{Actor, Event, Peer};
pub use way::Way;
#[cfg(unix)]
pub use ways::Unix;
pub use ways::{Memory, Udp4, Udp6};
pub use world::World;
