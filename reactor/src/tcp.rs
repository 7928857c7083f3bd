//! TCP: how to listen, how to connect, and the wire between.

mod connect;
mod how;
mod listen;
mod reserve;
mod send_queue;
mod wire;

pub(crate) use connect::dialer;
pub use how::{TcpConnect, TcpListen};
pub(crate) use listen::listen;
pub(crate) use reserve::Reserve;
pub use wire::TcpOptions;
