//! Child processes: how one is started, what its protocol hears, and a child as a transport.

mod child;
mod child_process;
mod connect;
mod held;
mod launch;
mod log_lines;
mod pipe;
mod program;
mod protocol;
mod spawn;
mod transport;

pub(crate) use child::{Direction, Grip, Process};
pub use child_process::ChildProcess;
pub(crate) use connect::connect;
pub use held::{ProcessProtocolHandle, ProcessProtocolRef, WeakProcessProtocol};
pub(crate) use pipe::PipeEnd;
pub use program::{ChildDescriptor, OnceDescriptor, Program, WindowSize};
pub use protocol::ProcessProtocol;
pub(crate) use spawn::spawn;
pub use transport::ProcessTransport;
