//! The parts of `pop3` with their tests: of an example, `cargo test` builds the program and runs no test.

#![expect(dead_code, reason = "what the program alone uses")]

mod command;
#[path = "../login/mod.rs"]
mod login;
mod maildrop;
mod session;
#[path = "../../support/mod.rs"]
mod support;
mod text;
