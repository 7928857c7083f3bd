//! UNIX sockets: how they are named, opened and connected, their files, and their options.

mod addresses;
mod connect;
mod file;
mod listen;
mod name;
mod options;
mod send_queue;
mod socket_options;
mod wire;

pub use addresses::{IntoUnixConnect, IntoUnixListen};
pub(crate) use listen::listen;
pub use name::UnixName;
pub use options::{UnixConnect, UnixListen};
#[cfg(target_os = "linux")]
pub use socket_options::PeerCredentials;
pub use socket_options::UnixOptions;
