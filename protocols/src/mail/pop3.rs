//! A client of POP3 (RFC 1939): lists the messages of a mailbox, retrieves and deletes them.
//!
//! [`Pop3::new`] makes the protocol, which the program connects, and the handle:
//!
//! ```
//! # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
//! use retwist::protocols::mail::pop3::{Pop3, Pop3Options};
//! # use retwist::testing::RecordingTransport;
//!
//! let (protocol, pop3) = Pop3::new(Pop3Options::new());
//! let session = pop3.clone();
//! pop3.list(move |listed| {
//!     for (number, bytes) in listed.unwrap_or_default() {
//!         println!("message {number} has {bytes} bytes");
//!         session.retrieve(number, |text| print!("{}", String::from_utf8_lossy(text)), |_| {});
//!     }
//!     session.quit(|_| {});
//! });
//! // reactor.connect_tcp("192.0.2.1:110", …) with `protocol`
//! # let server = RecordingTransport::connect(protocol);
//! # server.receive(b"+OK hello\r\n");
//! # assert_eq!(server.take_written(), b"CAPA\r\n");
//! # server.receive(b"-ERR what?\r\n");
//! # assert_eq!(server.take_written(), b"LIST\r\n");
//! # server.receive(b"+OK one\r\n1 7\r\n.\r\n");
//! # assert_eq!(server.take_written(), b"RETR 1\r\n");
//! # server.receive(b"+OK here\r\n..dot\r\n.\r\n");
//! # assert_eq!(server.take_written(), b"QUIT\r\n");
//! ```
//!
//! What the client does by itself: it starts TLS as [`Pop3Options::start_tls`] says, and asks for the
//! capabilities (CAPA) anew behind it; authenticates by SASL if the server can, and by USER and PASS if
//! not; and takes the doubled dots out of messages, which it hands on piece by piece as they come.

mod client;
mod dots;
mod options;
mod session;

pub use client::{Pop3, Pop3Capabilities, Stat};
pub use options::Pop3Options;
