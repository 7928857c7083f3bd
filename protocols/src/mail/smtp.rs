//! A client of SMTP (RFC 5321) and LMTP (RFC 2033): sends messages, with what came of each recipient.
//!
//! [`Smtp::new`] makes the protocol, which the program connects, and the handle, by which it sends:
//!
//! ```
//! # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
//! use retwist::protocols::mail::smtp::{Mail, Smtp, SmtpOptions};
//! # use retwist::testing::RecordingTransport;
//!
//! let (protocol, smtp) = Smtp::new(SmtpOptions::new().name("client.example.org"));
//! let mail = Mail::new("me@example.org", ["you@example.org"], "Subject: hello\n\nHow are you?\n");
//! smtp.send(mail, |sent| match sent {
//!     Ok(delivery) => println!("{delivery}"),
//!     Err(error) => eprintln!("{error}"),
//! });
//! smtp.quit(|_| {});
//! // reactor.connect_tcp("192.0.2.1:25", …) with `protocol`
//! # let server = RecordingTransport::connect(protocol);
//! # server.receive(b"220 hello\r\n");
//! # assert_eq!(server.take_written(), b"EHLO client.example.org\r\n");
//! # server.receive(b"250-hello\r\n250 PIPELINING\r\n");
//! # assert_eq!(server.take_written(), b"MAIL FROM:<me@example.org>\r\nRCPT TO:<you@example.org>\r\n");
//! # server.receive(b"250 ok\r\n250 ok\r\n");
//! # assert_eq!(server.take_written(), b"DATA\r\n");
//! # server.receive(b"354 go on\r\n");
//! # server.take_written();
//! # assert_eq!(server.take_written(), b"Subject: hello\r\n\r\nHow are you?\r\n.\r\n");
//! # server.receive(b"250 taken\r\n");
//! # assert_eq!(server.take_written(), b"QUIT\r\n");
//! ```
//!
//! What the client does by itself: it starts TLS as [`SmtpOptions::start_tls`] says, and asks for the
//! extensions anew behind it; authenticates; sends recipients without waiting for each answer if the
//! server can take that (PIPELINING); doubles dots, and makes CRLF of each CR and LF; reads the message
//! only as fast as the server takes it; and announces size, 8-bit text and UTF-8 addresses where the server
//! knows these (SIZE, 8BITMIME, SMTPUTF8). What the server needs to know and does not is refused before the
//! message is sent.

mod body;
mod client;
mod delivery;
mod extensions;
mod options;
mod outgoing;
mod reply;
mod session;
mod transaction;

pub use body::Body;
pub use client::Smtp;
pub use delivery::{Delivery, Fate, RecipientReport, SendError};
pub use extensions::Extensions;
pub use options::{SmtpOptions, SmtpTimeouts};
pub use outgoing::Mail;
pub use reply::Reply;
