//! Framing: what people build protocols from.
//!
//! It turns bytes into units for one protocol: [lines](LineReceiver), [netstrings](Netstrings), strings with a
//! [length before them](IntStrings), [records](Records), or [one's own](Framing). A [`Framed`] is a protocol.

mod cutter;
mod file_sender;
mod frame_transport;
mod framed;
mod framing;
mod int_strings;
mod line_receiver;
mod lines;
mod netstrings;
mod receiver;
mod records;

pub use file_sender::{FileSendError, FileSender};
pub use frame_transport::FrameTransport;
pub use framed::Framed;
pub use framing::{Frame, Framing, LengthLimitExceeded, StringTooLong};
pub use int_strings::{Int8Strings, Int16Strings, Int32Strings, IntStrings};
pub use line_receiver::LineReceiver;
pub use lines::{LineTransport, Lines};
pub use netstrings::{NetstringError, Netstrings};
pub use receiver::FrameReceiver;
pub use records::Records;
