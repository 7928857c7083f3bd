//! TCP: how its sockets are opened and connected, and its options.

mod addresses;
#[cfg(unix)]
mod adopt;
mod connect;
mod listen;
mod options;
mod send_queue;
mod socket_options;
mod wire;

pub use addresses::{IntoTcpConnect, IntoTcpListen};
#[cfg(unix)]
pub(crate) use adopt::{adopt_connection, adopt_listener, arrives};
pub(crate) use listen::listen;
pub use options::{TcpConnect, TcpListen};
pub use socket_options::{KeepAlive, TcpOptions};
