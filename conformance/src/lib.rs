//! The rules that retwist protocols rely on, as tests for a transport or a layer of your own.
//!
//! retwist promises the same things over every kind of transport: bytes arrive whole and in order,
//! each connection ends once, a callback is never entered twice, a slow reader costs bounded memory,
//! a panic costs one connection. The crate `retwist` opens with these rules. This crate holds them: it
//! has a case for each of them, and runs every case over your kind, each as a test of its own. The
//! kinds of retwist itself pass the same cases in the same way.
//!
//! It is a dependency of tests:
//!
//! ```toml
//! [dev-dependencies]
//! retwist-conformance = "0.1"
//! ```
//!
//! # A layer of your own
//!
//! A layer takes one type and one line. The type is a [`Layering`](streams::Layering), which puts
//! the layer under a protocol on each side; the line, in a file such as `tests/conformance.rs`, is the
//! macro [`layers!`]. Every case then runs with the layer on TCP, on UNIX sockets, on memory, and on
//! itself on memory:
//!
//! ```
//! # use retwist_reactor as retwist;
//! use retwist_conformance::streams::{How, Layering};
//! use retwist::{Layer, ProtocolRef};
//! # use retwist::{Channel, Seat};
//! # struct Compressed { seat: Seat }
//! # impl Channel for Compressed { fn seat(&self) -> &Seat { &self.seat } }
//! # impl Layer for Compressed {}
//! # impl Compressed {
//! #     fn new(above: ProtocolRef) -> std::rc::Rc<Self> {
//! #         std::rc::Rc::new_cyclic(|me| Compressed { seat: Seat::new(me, above) })
//! #     }
//! # }
//!
//! struct Compression;
//!
//! impl Layering for Compression {
//!     fn new(_: &How) -> Self {
//!         Compression
//!     }
//!
//!     fn client(&self, above: ProtocolRef) -> ProtocolRef {
//!         Compressed::new(above).as_protocol()
//!     }
//! }
//!
//! retwist_conformance::layers! {
//!     compressed: Compression,
//! }
//! # fn main() {}
//! ```
//!
//! A layer that shakes hands has another side in [`Layering::server`](streams::Layering::server).
//! One that has bounds of its own takes them from [`How`](streams::How), as the cases set them. To
//! choose what it runs on, write [`streams!`] with [`Layered`](streams::Layered) in place of
//! [`layers!`].
//!
//! # A transport of your own
//!
//! A transport is a [`Way`](streams::Way): it makes a loop, connects two protocols on it, and makes
//! passes of that loop; its page has one whole. If the transport runs on a [`Reactor`], that is
//! fifty lines, most of which are the same for each; the loop may also be your own, with a clock moved
//! by hand, as that of a network that is simulated.
//!
//! ```
//! # use retwist_conformance::streams::Memory as Serial;
//! retwist_conformance::streams! {
//!     serial: Serial,
//! }
//! # fn main() {}
//! ```
//!
//! What a kind does not do by its nature it says in [`Way::facts`](streams::Way::facts): each
//! [`Ability`](streams::Ability) says what it means. A kind without one is asked for less: most
//! cases do without what is missing. A case that is about nothing else is left out, and a line on
//! the error output says so at every run, though the test is counted as passed. The number in
//! [`Facts::new`](streams::Facts::new) is how much a case writes to fill a connection. If it is too
//! small, cases about a peer that does not read fail; if it is large, they take long.
//!
//! # Ports of datagrams
//!
//! Datagrams have a suite of their own, [`mod@datagrams`], which is used in the same way: a
//! [`datagrams::Way`] opens ports that reach each other, and the macro [`datagrams!`] makes the tests.
//!
//! ```
//! # use retwist_conformance::datagrams::Memory as Radio;
//! retwist_conformance::datagrams! {
//!     radio: Radio,
//! }
//! # fn main() {}
//! ```
//!
//! It expects what one machine alone with itself does: over such a link the cases send little enough
//! that nothing is lost. What a network loses, repeats and reorders, no suite can expect;
//! [`DatagramNetwork`](retwist_reactor::testing::DatagramNetwork) does that to a protocol under test.
//!
//! # To run some of them
//!
//! A test is called after the kind, what the case is about, how its input is cut, and what it says:
//! `serial::closing::whole::closing_twice_is_once`. Cases in `at_every_cut` run with input in
//! pieces of [1, 2, 3, 7, 64 and 1000 bytes](streams::CUTS), and whole.
//!
//! ```text
//! cargo test --test conformance serial::                           one kind
//! cargo test --test conformance closing::                          one subject, over all kinds
//! cargo test --test conformance at_every_cut                       all that cut
//! cargo test --test conformance serial::closing::whole::closing_twice_is_once
//! RETWIST_SCHEDULES=1000000 cargo test --release --test conformance schedules::
//! ```
//!
//! A case that fails names the line in the suite at which it waits or asserts, what both sides have
//! heard by then, the kind, and the cut. Random conversations (`schedules`) are cut down to the
//! shortest that fails, and print the seed that repeats them: [`streams::conversations`].
//!
//! # What is asserted
//!
//! | module | about |
//! |---|---|
//! | `delivery` | bytes arrive once, whole and in order, however they are cut; what is counted until it is sent; addresses |
//! | `closing` | `lose_connection`: what was written before it arrives, nothing is delivered after it, it is told once |
//! | `half_close` | one side ends its output and reads on |
//! | `aborting` | `abort_connection`: at once, and the peer sees a break |
//! | `endings` | closes with a reason, failures, calls that come when all is sent |
//! | `bounds`, `large_units` | limits of output, and that a close waits for a slow reader; one write of any length is one unit |
//! | `pausing` | a paused protocol gets nothing, at once, and later all of it |
//! | `producers`, `producers_at_close` | push and pull producers, and a close that waits for them |
//! | `switching`, `unreading` | `switch_protocol` in the middle of the bytes; bytes that are given back |
//! | `calls` | a protocol that is called from outside, and its timers |
//! | `application_code`, `panics` | whatever a protocol does, wherever its code runs; a panic costs its connection |
//! | `ownership` | protocols, and what they hold, are dropped |
//! | `fairness` | one busy connection does not keep the others waiting |
//! | `relays` | how one connection ends is how the one that it is joined to ends |
//! | `schedules` | random conversations against a model |
//!
//! In every case, and without being asked: each protocol hears `connection_made` first and
//! `connection_lost` once and last.
//!
//! Of datagrams:
//!
//! | module | about |
//! |---|---|
//! | `delivery` | datagrams of every length arrive whole, in order, once; one that is too long is told as cut; a busy port lets others have their turn |
//! | `closing` | each start has its stop; what was sent before goes out; a port that is opened again; the end of the loop |
//! | `connected` | a port with one peer, whose absence is told |
//! | `failures` | sends that fail are told in a later turn, and are never fatal |
//! | `groups` | multicast |
//! | `pausing`, `panics`, `weak` | as for streams: pauses, panics, calls of a protocol to itself |
//!
//! # A case of your own
//!
//! The parts that cases are written with are public: a [`World`](streams::World) of connections over
//! a [`Kind`](streams::Kind), and a [`Peer`](streams::Peer) at each end, which notes what it hears
//! and does what you want. [`streams::cases`] lists the cases of the suite, to run them in another way
//! than as tests.
//!
//! [`Reactor`]: retwist_reactor::Reactor

pub mod datagrams;
mod report;
pub mod streams;
