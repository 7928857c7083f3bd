//! Protocols under test: no socket, no sleep, the same outcome each time.
//!
//! - [`Pair`]: two protocols joined in memory, through a link that cuts the bytes as it is told,
//!   delays them, and breaks at a given byte.
//! - [`RecordingTransport`]: one protocol, the bytes that it is sent, and all that it does in
//!   answer.
//! - [`DatagramNetwork`]: ports of datagrams that are joined in memory, by a network that loses,
//!   repeats and reorders as it is told; [`RecordingDatagrams`]: one protocol, and all that it sends.
//! - [`MemoryReactor`]: for code that listens and connects; records what it asked for and answers
//!   as the test wants.
//! - [`ManualClock`]: time, moved by hand. All of the above run on one.
//!
//! They run the same code as the reactor does: the same seat, the same stream with its closes,
//! deadlines and limits. Only the wire is another.
//!
//! ```
//! # use retwist_reactor as retwist;
//! use retwist::testing::Pair;
//! use retwist::{Protocol, ProtocolHandle, TransportRef};
//!
//! struct Echo;
//! impl Protocol for Echo {
//!     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
//!         transport.write(data);
//!     }
//! }
//!
//! #[derive(Default)]
//! struct Greeter { heard: Vec<u8> }
//! impl Protocol for Greeter {
//!     fn connection_made(&mut self, transport: &TransportRef) {
//!         transport.write(b"hello");
//!     }
//!     fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
//!         self.heard.extend_from_slice(data);
//!     }
//! }
//!
//! for cut in [1, 2, 3, 7, 64, 1000, usize::MAX] {
//!     let greeter = ProtocolHandle::new(Greeter::default());
//!     let pair = Pair::new(&greeter, Echo).cut(cut);
//!     pair.run();
//!     assert_eq!(greeter.try_call(|greeter| greeter.heard.clone()).unwrap(), b"hello");
//! }
//! ```

mod clock;
mod datagrams;
mod pair;
mod pending_connection;
mod port;
#[cfg(unix)]
mod process;
mod reactor;
mod recording;
mod wire;

pub use crate::core::connector::ConnectOptions;
pub use crate::core::lifecycle::Triggers;
pub use clock::ManualClock;
pub use datagrams::{DatagramNetwork, Fate, Passing, RecordingDatagrams};
pub use pair::{Pair, Side};
pub use pending_connection::PendingConnection;
#[cfg(unix)]
pub use process::MemoryProcess;
pub use reactor::MemoryReactor;
pub use recording::RecordingTransport;
