//! Standard input and output as a stream.

mod open;
mod options;
mod port;
mod taken;

pub(crate) use open::open;
pub use options::StandardIo;
pub(crate) use port::listen;
