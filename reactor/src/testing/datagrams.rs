//! Datagrams without sockets.

mod network;
mod recording;
mod wire;

pub use network::{DatagramNetwork, Fate, Passing};
pub use recording::RecordingDatagrams;
