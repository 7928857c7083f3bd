//! Datagrams of every kind: who is called, what waits, what is told. UDP, UNIX sockets and
//! memory supply the wire.

mod batch;
mod error;
mod failures;
mod holder;
mod option;
#[cfg(unix)]
mod origin;
mod port;
mod protocol;
mod queue;
mod transport;
mod wire;

#[cfg(unix)]
pub(crate) use batch::STRIDE;
pub(crate) use batch::{Batch, Received};
#[cfg(target_os = "linux")]
pub(crate) use batch::{SLOTS, Slots};
pub use error::{SendError, SendFailure, UdpError};
pub use holder::{DatagramProtocolHandle, DatagramProtocolRef, WeakDatagramProtocol};
pub use option::UdpOption;
#[cfg(unix)]
pub(crate) use origin::Origin;
pub(crate) use port::{DatagramCommons, DatagramPort, DatagramSettings};
pub use protocol::DatagramProtocol;
pub(crate) use queue::DatagramQueue;
pub use transport::{DatagramTransport, NetworkInterface};
pub(crate) use wire::{DatagramWire, Opened};
