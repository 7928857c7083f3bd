#![doc = include_str!("porting/guide.md")]
//!
//! # Programs, side by side
//!
//! The programs on the left run on Twisted, those on the right are their ports. The tests run both
//! and compare what they say; where there is a client and a server, each talks to each.
//!
//! ## State that connections share
//!
//! An auction: lines, and a price that all bidders share. The shared state is the factory in Twisted,
//! and a struct behind an `Rc` here.
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(24em,1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/auction.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/auction.rs")]
//! ```
//!
//! </div></div>
//!
//! A handle is weak: if a connection has gone, a line sent to it goes nowhere. `Bidder` still removes
//! itself in `connection_lost`, so that the table does not grow.
//!
//! ## STARTTLS, the server
//!
//! A locker that does not speak of secrets in clear.
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(24em,1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/locker.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/locker.rs")]
//! ```
//!
//! </div></div>
//!
//! The role says which side of TLS this is; it does not depend on who dialled. What a client sends in
//! clear behind `SECURE`, in the same segment, never reaches `line_received`: it goes to the TLS
//! engine, which finds that it is no handshake, and the connection ends.
//!
//! ## STARTTLS, the client
//!
//! Its visitor, which checks who the locker is before it says the secret.
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(24em,1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/visitor.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/visitor.rs")]
//! ```
//!
//! </div></div>
//!
//! `handshake_completed` comes when the certificate of the server has been verified. If it does not
//! verify, `connection_lost` comes instead, and its reason says why.
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
