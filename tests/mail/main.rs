//! The clients of mail against servers of every kind, in memory, with the input cut everywhere.

mod imap;
mod imap_evil;
mod pop3;
mod server;
mod smtp;
mod smtp_evil;
mod smtp_tls;
