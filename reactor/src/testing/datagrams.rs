//! Datagrams without sockets.

mod network;
mod recording;
#[cfg(unix)]
mod unix;
mod wire;

#[cfg(unix)]
pub(super) use unix::UnixDatagrams;

pub use network::{DatagramNetwork, Fate, Passing};
pub use recording::RecordingDatagrams;
