//! The parts of `smtp` with their tests: of an example, `cargo test` builds the program and runs no test.

#![expect(dead_code, reason = "what the program alone uses")]

mod body;
mod command;
mod inboxes;
mod incoming;
#[path = "../login/mod.rs"]
mod login;
mod session;
#[path = "../../support/mod.rs"]
mod support;
