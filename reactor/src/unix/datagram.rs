//! Datagrams over UNIX sockets: how to listen, and the socket.

mod address;
mod listen;
mod options;
mod patience;
mod socket;

pub(crate) use address::destination;
pub(crate) use listen::{adopt, listen};
pub use options::{IntoUnixDatagram, UnixDatagramListen};
