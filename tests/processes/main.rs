//! Child processes: what their protocol hears, and that nothing of them is left.
#![cfg(unix)]
#![allow(
    unreachable_pub,
    reason = "a test has no users outside; pub is what the modules offer each other"
)]

mod connections;
mod crowd;
mod descriptors;
mod ends;
mod errors;
mod memory;
mod output;
mod reactor_end;
mod terminals;
mod world;
