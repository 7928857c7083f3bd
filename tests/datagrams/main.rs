//! What protocols of datagrams rely on, on every kind of port alike: UDP over IPv4 and IPv6, and
//! memory.
//!
//! A case is written once, against [`peer`]s in a [`way`]. What only a network that loses, repeats
//! and reorders shows runs in memory (`losses`), and what only the system can do runs over sockets
//! (`sockets`).

#![allow(
    unreachable_pub,
    reason = "a test has no users outside; pub is what the modules offer each other"
)]

#[macro_use]
mod way;
mod peer;

mod closing;
mod connected;
mod delivery;
mod failures;
mod groups;
mod losses;
mod panics;
mod pausing;
mod recording;
mod sockets;
#[cfg(unix)]
mod unix;
mod weak;
