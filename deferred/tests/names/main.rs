//! DNS over the datagrams and connections of a `MemoryReactor`, on a clock that is moved by hand.

mod aliases;
mod answers;
mod any_bytes;
mod cache;
mod cancelling;
mod files;
mod hosts;
mod losses;
mod resolvers;
mod servers;
mod tcp;
mod world;
