//! Byte streams over any descriptors: pipes, FIFOs, serial ports, terminals, sockets, files.

mod end;
mod error;
mod kind;
mod nonblocking;
mod open;
mod options;
mod wire;

pub use error::OpenError;
pub(crate) use open::open;
pub use options::DescriptorStream;
