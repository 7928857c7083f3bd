//! UDP: how to listen, and the socket.

mod address;
mod addresses;
mod listen;
mod options;
mod socket;

#[cfg(target_os = "linux")]
#[path = "udp/many.rs"]
mod calls;
#[cfg(not(target_os = "linux"))]
#[path = "udp/single.rs"]
mod calls;

pub(crate) use address::{destination, fit};
pub use addresses::IntoUdpListen;
#[cfg(unix)]
pub(crate) use listen::adopt;
pub(crate) use listen::listen;
pub use options::UdpListen;
