//! The ways of the project beside those of the suite: TLS, and layers of the library.

mod policies;
mod proxies;
mod tls;

pub use policies::{Limited, Policies, Proxied, Throttled};
pub use proxies::{Http, Socks, Through};
pub use tls::{Tls, configs};
