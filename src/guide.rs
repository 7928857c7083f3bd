//! A guide to retwist, in chapters that begin with a program and end with its test.
//!
//! It is for readers who know Rust, and neither Twisted nor this crate. Every program on these pages is
//! compiled, and run unless it serves until it is stopped. Each chapter names the how-to of Twisted that it answers to.
//!
//! **Begin**
//!
//! - [The first server](first_server): write a protocol, listen, run, test
//! - [Lines and states](lines): speak a protocol of text, with states, and with bytes between the lines
//! - [Clients and reconnecting](clients): connect to an address or a name, and stay connected
//! - [Sharing state between connections](shared_state): let connections see each other, write a factory
//! - [Timers](timers): call later, repeat, and test both without waiting
//!
//! **Connections**
//!
//! - [Errors and ends](endings): end a connection, and know why one ended
//! - [Back-pressure and producers](back_pressure): send more than fits into memory, hold back a peer
//! - [TLS](tls): speak TLS from the first byte, start it in mid-conversation, leave it
//! - [STARTTLS](starttls): know the dialects, and the five mistakes
//! - [Endpoints](endpoints): let a string say where to listen and connect, and with which layers
//!
//! **Results and work**
//!
//! - [Deferreds and async](deferreds): wait for results with callbacks or `await`
//! - [Threads](threads): do work that blocks, call in from a thread, use every core
//! - [Datagrams](datagrams): send and receive UDP, and live with losses
//! - [Processes](processes): run a program, talk to it, hear how it ends
//!
//! **Craft**
//!
//! - [Testing](testing): test a protocol, two sides, a whole program, without sockets or waiting
//! - [Writing a layer](layers): put something between every transport and every protocol
//! - [Writing a transport](transports): make anything with a descriptor a transport, and run the suite on it
//!
//! **Operation**
//!
//! - [Deployment](deployment): run as a service, log, end in order
//! - [Many machines](machines): stand behind a balancer, drain without a loss, keep state where its key is
//! - [Figures and symptoms](operating): know what each figure means, and what to do when something is wrong
//! - [TLS before an old server](starttls_proxy): add TLS to a server without it, or take it off, in one command
//! - [Performance](performance): know what costs, and measure it
//! - [Security](security): know what is bounded, and bound the rest
//!
//! To find out what an error means and what to do, look into [the list of mistakes](mistakes). To see one real server grow, follow [the tutorial](tutorial): ten steps, each a whole program with its tests.
//!
//! If you come from Twisted, read [the porting guide](crate::porting) beside it: what is different, and a
//! table of names.

#[doc = include_str!("guide/first_server.md")]
pub mod first_server {}

#[doc = include_str!("guide/lines.md")]
pub mod lines {}

#[doc = include_str!("guide/clients.md")]
pub mod clients {}

#[doc = include_str!("guide/shared_state.md")]
pub mod shared_state {}

#[doc = include_str!("guide/timers.md")]
pub mod timers {}

#[doc = include_str!("guide/endings.md")]
pub mod endings {}

#[doc = include_str!("guide/back_pressure.md")]
pub mod back_pressure {}

#[doc = include_str!("guide/tls.md")]
pub mod tls {}

#[doc = include_str!("guide/starttls.md")]
pub mod starttls {}

#[doc = include_str!("guide/endpoints.md")]
pub mod endpoints {}

#[doc = include_str!("guide/deferreds.md")]
pub mod deferreds {}

#[doc = include_str!("guide/threads.md")]
pub mod threads {}

#[doc = include_str!("guide/datagrams.md")]
pub mod datagrams {}

#[doc = include_str!("guide/processes.md")]
pub mod processes {}

#[doc = include_str!("guide/testing.md")]
pub mod testing {}

#[doc = include_str!("guide/layers.md")]
pub mod layers {}

#[doc = include_str!("guide/transports.md")]
pub mod transports {}

#[doc = include_str!("guide/deployment.md")]
pub mod deployment {}

#[doc = include_str!("guide/machines.md")]
pub mod machines {}

#[doc = include_str!("guide/operating.md")]
pub mod operating {}

#[doc = include_str!("guide/starttls_proxy.md")]
pub mod starttls_proxy {}

#[doc = include_str!("guide/performance.md")]
pub mod performance {}

#[doc = include_str!("guide/security.md")]
pub mod security {}

#[doc = include_str!("guide/mistakes.md")]
pub mod mistakes {}

pub mod tutorial;
