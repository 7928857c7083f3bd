#![doc = include_str!("porting/guide.md")]
//!
//! # Three programs, side by side
//!
//! All of these run: the tests have each program on the left talk to each on the right.
//!
//! ## STARTTLS, the server
//!
//! Twisted's documentation has it among the listings on TLS.
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(24em,1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/starttls_server.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/starttls_server.rs")]
//! ```
//!
//! </div></div>
//!
//! `start_tls` does not look at who dialled: the role says which side of TLS this is. What a client
//! sends behind `STARTTLS` in the same segment, in clear, never reaches `line_received`: it goes to
//! the TLS engine, which finds that it is no handshake.
//!
//! ## STARTTLS, the client
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(24em,1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/starttls_client.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/starttls_client.rs")]
//! ```
//!
//! </div></div>
//!
//! The handle that `start_tls` returns is the one to write on: the one that the callback was given
//! is revoked, so that nothing can be written in clear by mistake. And the reason of the end is
//! worth a look: it says whether the server's certificate was good.
//!
//! ## A chat
//!
//! From the chapter on servers. What many connections share lies in an `Rc`, as it lies in the
//! factory there.
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(24em,1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/chat.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/chat.rs")]
//! ```
//!
//! </div></div>
//!
//! ## A client that is told what to do
//!
//! From the chapter on endpoints: `connectProtocol`, and calls on the protocol from outside.
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(24em,1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/greeter.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/greeter.rs")]
//! ```
//!
//! </div></div>
//!
#![doc = include_str!("porting/names.md")]
