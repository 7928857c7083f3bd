//! AMP, the Asynchronous Messaging Protocol of Twisted: commands with named arguments, answers and
//! errors, in both directions on one connection.
//!
//! A command is a struct, [`amp_arguments!`](crate::amp_arguments) makes it and its response, and
//! [`Command`] joins the two. A peer implements [`AmpReceiver`], which says what answers which
//! command; [`AmpTransport::call`] calls the other side.
//!
//! ```
//! # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
//! use std::convert::Infallible;
//! use retwist::protocols::amp::{AmpReceiver, AmpTransport, Command, Request};
//! use retwist::protocols::{Framed, amp_arguments};
//!
//! amp_arguments! {
//!     /// Adds two numbers.
//!     pub struct Sum { pub a: i64, pub b: i64 }
//!     /// Their sum.
//!     pub struct Total { pub total: i64 }
//! }
//!
//! impl Command for Sum {
//!     const NAME: &'static str = "Sum";
//!     type Response = Total;
//!     type Error = Infallible;
//! }
//!
//! struct Server;
//!
//! impl Server {
//!     fn sum(&mut self, _: &AmpTransport<Self>, sum: Sum) -> Result<Total, Infallible> {
//!         Ok(Total { total: sum.a + sum.b })
//!     }
//! }
//!
//! impl AmpReceiver for Server {
//!     fn request_received(&mut self, transport: &AmpTransport<Self>, request: Request<Self>) {
//!         request.on(self, transport, Self::sum);
//!     }
//! }
//!
//! /// Asks, and closes.
//! struct Client;
//!
//! impl AmpReceiver for Client {
//!     fn connection_made(&mut self, transport: &AmpTransport<Self>) {
//!         let asked = transport.call(Sum { a: 40, b: 2 }, |_client, transport, sum| {
//!             assert_eq!(sum.unwrap().total, 42);
//!             transport.lose_connection();
//!         });
//!         asked.unwrap();
//!     }
//! }
//!
//! # use retwist::testing::Pair;
//! let pair = Pair::new(Framed::amp(Client), Framed::amp(Server));
//! pair.run();
//! # assert!(!pair.client().is_connected());
//! ```
//!
//! # With Deferreds
//!
//! The closure of a call may fire a `Promise`, so that other code waits for a `Deferred`:
//! `transport.call(command, move |_, _, outcome| drop(promise.try_fire(outcome)))`.
//!
//! # StartTLS, and other switches
//!
//! [`StartTls`] and every command after which the connection speaks something else are sent with
//! [`AmpTransport::call_and_switch`]. No other box leaves between such a command and its answer, and
//! each byte behind the answer belongs to what comes next. On the other side,
//! [`Request::on_switch`] answers and then switches.

mod argument;
mod boxes;
mod command;
mod date_time;
mod error;
mod protocol;
mod request;
mod transport;

pub use argument::{AmpList, Argument, ArgumentError, Arguments, Bytes, Decimal};
pub use boxes::{AmpBox, BoxError, BoxTooLong, Boxes};
pub use command::{Command, CommandError, StartTls, Started};
pub use date_time::DateTime;
pub use error::{AmpError, AmpProtocolError, NotCalled};
pub use protocol::{Amp, AmpReceiver};
pub use request::{Reply, Request};
pub use transport::AmpTransport;
