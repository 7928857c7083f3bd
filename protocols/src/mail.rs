//! Clients of mail: [`smtp`] sends messages, [`pop3`] retrieves them, and [`imap`] keeps them on the server. Over
//! any transport, with callbacks.
//!
//! Each client is a protocol, which a program connects, and a handle, which it keeps. What the program
//! asks of the handle waits until the session is ready, and is then done in order. Each request takes a
//! closure that hears the outcome, once: it is called in a turn of the connection, or at once if the
//! session has ended already.
//!
//! # With Deferreds
//!
//! `Deferred::from_callback(|done| smtp.send(mail, done))` of `retwist_deferred` is the outcome as a
//! Deferred, for every request of every client. `retwist::mail::send_mail` connects, sends, and leaves.
//!
//! # What is dangerous here
//!
//! - **A server that takes STARTTLS away**, or a host on the way that does. With
//!   [`StartTls::required`] nothing is said in clear but what asks for TLS. With
//!   [`StartTls::opportunistic`] the mail itself may go in clear, and a password never does.
//! - **An answer that was slipped in behind the yes to STARTTLS.** It goes to TLS, which takes it for a
//!   record, and the connection ends. What the server said in clear is forgotten, its capabilities too.
//! - **A server that says less or more than it is asked.** Replies are bounded, a reply that no command
//!   asked for ends the session, and each phase has a time limit.
//! - **An outcome that is not known.** A message is reported as sent only if the server's last word came. If
//!   the connection ends between the end of the message and that word, the report is that the message may
//!   have been taken: [`smtp::Fate::Unknown`].
//! - **Text that is taken for a command.** Addresses and names with control characters are refused, and
//!   no bare CR or LF of a message is sent.

mod error;
pub mod imap;
mod login;
pub mod pop3;
mod queue;
pub mod smtp;
mod start_tls;

pub use error::MailError;
pub use login::Login;
pub use start_tls::StartTls;
