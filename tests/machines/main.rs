//! What surrounds a server in production: balancers, the limits of the system, systemd, containers; and the
//! chapters of the guide about them.

#![cfg(target_os = "linux")]

#[path = "../examples/program.rs"]
#[allow(dead_code, reason = "the examples are run in many ways")]
mod program;
#[path = "../examples/steady.rs"]
mod steady;
#[cfg(feature = "operations")]
mod three;
