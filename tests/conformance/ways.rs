//! The ways of the project beside those of the suite: TLS, and layers of the library.

#[cfg(unix)]
mod adopted;
#[cfg(all(unix, not(target_vendor = "apple")))]
mod fifos;
#[cfg(unix)]
mod on_reactor;
#[cfg(unix)]
mod passed;
#[cfg(unix)]
mod passing;
mod policies;
mod proxies;
mod tls;

#[cfg(unix)]
pub use adopted::{AdoptedTcp, AdoptedUnix};
#[cfg(all(unix, not(target_vendor = "apple")))]
pub use fifos::Fifos;
#[cfg(unix)]
pub use on_reactor::OnReactor;
#[cfg(unix)]
pub use passed::{PassedTcp, PassedUnix};
#[cfg(unix)]
pub use passing::UnixPassing;
pub use policies::{Limited, Policies, Proxied, Throttled};
pub use proxies::{Http, Socks, Through};
pub use tls::{Tls, configs};
