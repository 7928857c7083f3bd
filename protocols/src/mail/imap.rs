//! A client of IMAP (RFC 3501 and RFC 9051): finds messages on a server, reads and adds them, and hears of new
//! ones.
//!
//! [`Imap::new`] makes the protocol, which the program connects, and the handle:
//!
//! ```
//! # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
//! use retwist::protocols::mail::imap::{Imap, ImapOptions};
//! # use retwist::testing::RecordingTransport;
//!
//! let (protocol, imap) = Imap::new(ImapOptions::new());
//! let session = imap.clone();
//! imap.select("INBOX", |_| {});
//! imap.search("UNSEEN", move |found| {
//!     for uid in found.unwrap_or_default() {
//!         session.fetch(uid, |text| print!("{}", String::from_utf8_lossy(text)), |_| {});
//!     }
//!     session.logout(|_| {});
//! });
//! // reactor.connect_tcp("192.0.2.1:143", …) with `protocol`
//! # let server = RecordingTransport::connect(protocol);
//! # server.receive(b"* PREAUTH hello\r\n");
//! # assert_eq!(server.take_written(), b"a1 CAPABILITY\r\n");
//! # server.receive(b"* CAPABILITY IMAP4rev1\r\na1 OK\r\n");
//! # assert_eq!(server.take_written(), b"a2 SELECT \"INBOX\"\r\n");
//! # server.receive(b"a2 OK\r\n");
//! # assert_eq!(server.take_written(), b"a3 UID SEARCH UNSEEN\r\n");
//! # server.receive(b"* SEARCH 7\r\na3 OK\r\n");
//! # assert_eq!(server.take_written(), b"a4 UID FETCH 7 (UID BODY.PEEK[])\r\n");
//! # server.receive(b"* 1 FETCH (UID 7 BODY[] {2}\r\nhi)\r\na4 OK\r\n");
//! # assert_eq!(server.take_written(), b"a5 LOGOUT\r\n");
//! ```
//!
//! What the client does by itself: it starts TLS as [`ImapOptions::start_tls`] says, and asks for the
//! capabilities anew behind it; authenticates by SASL, or by LOGIN where the server permits that; and hands
//! a message on piece by piece as it comes. Commands run one after another.
//!
//! The names of mailboxes are in the form in which the protocol has them: letters outside of ASCII in the
//! UTF-7 of RFC 3501, section 5.1.3.

mod client;
mod command;
mod options;
mod response;
mod results;
mod session;
mod values;

pub use client::Imap;
pub use options::ImapOptions;
pub use results::{AppendUid, Mailbox, MessageInfo, Selected, Update};
