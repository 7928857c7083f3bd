//! Streams over descriptors: what is peculiar to pipes, files, terminals and sockets that are given
//! as descriptors. What holds for every transport is in the conformance suite.

#![cfg(unix)]
#![allow(
    unreachable_pub,
    reason = "a test has no users outside; pub is what the modules offer each other"
)]

mod child;
mod errors;
mod files;
mod flags;
mod lending;
mod pipes;
mod stdio;
mod terminals;
mod watching;
mod world;
