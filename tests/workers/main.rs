//! Workers that fail: they are said, counted, and replaced.
#![cfg(unix)]
#![allow(
    unreachable_pub,
    reason = "a test has no users outside; pub is what the modules offer each other"
)]

mod balanced;
mod log_of;
mod passed;
mod program;
mod replaced;
mod stuck;
