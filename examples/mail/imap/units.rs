//! The parts of `imap` with their tests: of an example, `cargo test` builds the program and runs no test.

#![expect(dead_code, reason = "what the program alone uses")]

mod answer;
mod append;
mod authenticate;
mod copy;
mod criteria;
mod dispatch;
mod envelope;
mod fetch;
mod flags;
mod folders;
mod idle;
mod input;
mod job;
#[path = "../login/mod.rs"]
mod login;
mod mime;
mod search;
mod section;
mod selected;
mod session;
mod structure;
#[path = "../../support/mod.rs"]
mod support;
mod text;
mod view;

mod deadlines;
