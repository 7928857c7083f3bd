//! A guide to retwist, in chapters that begin with a program and end with its test.
//!
//! It is for readers who know Rust, and neither Twisted nor this crate. Every program on these pages is
//! compiled, and run unless it serves until it is stopped. Each chapter names the how-to of Twisted that it answers to.
//!
//! | | chapter | what you can do after it |
//! |---|---|---|
//! | **Begin** | [The first server](first_server) | write a protocol, listen, run, test |
//! | | [Lines and states](lines) | speak a protocol of text, with states, and with bytes between the lines |
//! | | [Clients and reconnecting](clients) | connect to an address or a name, and stay connected |
//! | | [Sharing state between connections](shared_state) | let connections see each other, write a factory |
//! | | [Timers](timers) | call later, repeat, and test both without waiting |
//! | **Connections** | [Errors and ends](endings) | end a connection, and know why one ended |
//! | | [Back-pressure and producers](back_pressure) | send more than fits into memory, hold back a peer |
//! | | [TLS](tls) | speak TLS from the first byte, start it in mid-conversation, leave it |
//! | | [Endpoints](endpoints) | let a string say where to listen and connect, and with which layers |
//! | **Results and work** | [Deferreds and async](deferreds) | wait for results with callbacks or `await` |
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

#[doc = include_str!("guide/endpoints.md")]
pub mod endpoints {}

#[doc = include_str!("guide/deferreds.md")]
pub mod deferreds {}
