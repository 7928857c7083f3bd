//! Byte streams over any descriptors: pipes, FIFOs, serial ports, terminals, sockets, files.

mod companion;
mod end;
mod error;
mod kind;
mod limit;
mod nonblocking;
mod open;
mod options;
mod raw_mode;
mod terminal;
mod wire;

pub(crate) use companion::Companion;
pub use error::OpenError;
pub use limit::{DescriptorLimit, raise_descriptor_limit};
pub(crate) use open::open;
pub use options::DescriptorStream;
pub use terminal::Terminal;
pub(crate) use wire::DescriptorWire;
