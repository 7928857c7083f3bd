//! A server that grows in ten steps, from five lines to what one would run.
//!
//! [Contents](crate::guide) · First step: [Lines](lines)
//!
//! *In Twisted's documentation: [The Evolution of Finger](https://docs.twisted.org/en/stable/core/howto/tutorial/index.html).*
//!
//! The server is a notice board. Its clients pin notices, read them, and hear of new ones. You can talk to it with
//! `nc 127.0.0.1 2000`, or with the client of step 5:
//!
//! ```text
//! NAME ada
//! OK hello
//! PIN lost: a glove
//! OK 1
//! LIST
//! 1 ada: lost: a glove
//! OK 1 in all
//! ```
//!
//! Each page shows one whole program with its tests, and says what is new in it. Copy it to `src/main.rs` of a package
//! that depends on `retwist`, and run it with `cargo run`, its tests with `cargo test`. From step 7 on, the tests need
//! `rcgen` too, which makes certificates; from step 9 on, the program needs `log`.
//!
//! | | step | new in it |
//! |---|---|---|
//! | 1 | [Lines](lines) | a server that answers |
//! | 2 | [Commands and states](states) | what a line means, and when |
//! | 3 | [A board for all](board) | state that connections share |
//! | 4 | [News](news) | a connection that speaks to others |
//! | 5 | [A client](client) | questions with answers, as Deferreds |
//! | 6 | [Limits](limits) | what no client may take |
//! | 7 | [TLS](tls) | a conversation that becomes private |
//! | 8 | [Figures](figures) | what an administrator wants to see |
//! | 9 | [Endpoints](endpoints) | a program that is told where to listen |
//! | 10 | [The end](end) | a stop that loses nothing |

#[doc = include_str!("tutorial/lines.md")]
#[doc = "```no_run"]
#[doc = include_str!("tutorial/step01.rs")]
#[doc = "```\n"]
#[doc = include_str!("tutorial/lines_notes.md")]
pub mod lines {}

#[doc = include_str!("tutorial/states.md")]
#[doc = "```no_run"]
#[doc = include_str!("tutorial/step02.rs")]
#[doc = "```\n"]
#[doc = include_str!("tutorial/states_notes.md")]
pub mod states {}

#[doc = include_str!("tutorial/board.md")]
#[doc = "```no_run"]
#[doc = include_str!("tutorial/step03.rs")]
#[doc = "```\n"]
#[doc = include_str!("tutorial/board_notes.md")]
pub mod board {}

#[doc = include_str!("tutorial/news.md")]
#[doc = "```no_run"]
#[doc = include_str!("tutorial/step04.rs")]
#[doc = "```\n"]
#[doc = include_str!("tutorial/news_notes.md")]
pub mod news {}

#[doc = include_str!("tutorial/client.md")]
#[doc = "```no_run"]
#[doc = include_str!("tutorial/step05.rs")]
#[doc = "```\n"]
#[doc = include_str!("tutorial/client_notes.md")]
pub mod client {}

#[doc = include_str!("tutorial/limits.md")]
#[doc = "```no_run"]
#[doc = include_str!("tutorial/step06.rs")]
#[doc = "```\n"]
#[doc = include_str!("tutorial/limits_notes.md")]
pub mod limits {}

#[doc = include_str!("tutorial/tls.md")]
#[doc = "```no_run"]
#[doc = include_str!("tutorial/step07.rs")]
#[doc = "```\n"]
#[doc = include_str!("tutorial/tls_notes.md")]
pub mod tls {}

#[doc = include_str!("tutorial/figures.md")]
#[doc = "```no_run"]
#[doc = include_str!("tutorial/step08.rs")]
#[doc = "```\n"]
#[doc = include_str!("tutorial/figures_notes.md")]
pub mod figures {}

#[doc = include_str!("tutorial/endpoints.md")]
#[doc = "```no_run"]
#[doc = include_str!("tutorial/step09.rs")]
#[doc = "```\n"]
#[doc = include_str!("tutorial/endpoints_notes.md")]
pub mod endpoints {}

#[doc = include_str!("tutorial/end.md")]
#[doc = "```no_run"]
#[doc = include_str!("tutorial/step10.rs")]
#[doc = "```\n"]
#[doc = include_str!("tutorial/end_notes.md")]
pub mod end {}
