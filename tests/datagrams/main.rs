//! What protocols of datagrams rely on: the suite of `retwist-conformance` over every kind of port, and
//! below it what may be given as an address (`addresses`), what only a network shows that loses,
//! repeats and reorders (`losses`), and what only the system does (`sockets`).

#![allow(
    unreachable_pub,
    reason = "a test has no users outside; pub is what the modules offer each other"
)]

use retwist_conformance::datagrams::{Memory, Udp4, Udp6};

mod addresses;
mod losses;
mod recording;
mod sockets;
#[cfg(unix)]
mod unix;

retwist_conformance::datagrams! {
    udp4: Udp4,
    udp6: Udp6,
    memory: Memory,
    #[cfg(unix)]
    unix_names: retwist_conformance::datagrams::Unix,
    #[cfg(unix)]
    unix_paths: unix::OverPaths,
    #[cfg(unix)]
    unix_memory: unix::OverMemory,
}
