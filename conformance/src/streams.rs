//! The suite for transports that are byte streams, and for layers on them.

mod case;
mod cases;
mod facts;
mod kind;
mod layering;
mod list;
mod pattern;
mod peer;
mod producer;
mod random;
mod tests_of;
mod way;
mod ways;
mod world;

pub use case::{Case, case, cases};
pub use facts::{Ability, Facts};
pub use kind::Kind;
pub use layering::{Layered, Layering};
pub use pattern::{pattern, pattern_from};
pub use peer::{Actor, Event, Peer};
pub use producer::{PeerProducer, Told};
pub use random::conversations;
pub use way::{CUTS, How, Way};
#[cfg(unix)]
pub use ways::{Child, Descriptors, Pairs, Pipes, SocketPair, Unix};
pub use ways::{Cut, Farewell, Holding, Memory, Plain, TcpV4, TcpV6};
pub use world::World;
