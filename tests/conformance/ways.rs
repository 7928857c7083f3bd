//! All [`Way`](crate::way::Way)s.

mod layers;
mod memory;
mod policies;
mod tcp;
mod tls;
mod unix;

pub use layers::{Bug, Cut, Faulty, Holding, Layered, last_words};
pub use memory::Memory;
pub use policies::{Http, Limited, Policies, Proxied, Socks, Throttled, Through};
pub use tcp::{TcpV4, TcpV6};
pub use tls::{Tls, configs};
pub use unix::Unix;
