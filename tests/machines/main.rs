//! What surrounds a server in production: balancers, the limits of the system, systemd, containers; and the
//! chapters of the guide about them.

#![cfg(target_os = "linux")]

mod container;
#[cfg(feature = "operations")]
mod figures;
mod limits;
#[path = "../examples/program.rs"]
#[allow(dead_code, reason = "the examples are run in many ways")]
mod program;
mod started;
#[path = "../examples/steady.rs"]
#[allow(dead_code, reason = "the browser reads with it, too")]
mod steady;
mod systemd;
#[cfg(feature = "operations")]
mod three;
