//! TLS over transports in memory, in every way that it is started, used, closed and left.

mod certificates;
mod choosing;
mod closing;
mod common;
mod configuration;
mod conversation;
mod facts;
mod floods;
mod handshake;
mod hello;
mod keys;
mod leaving;
mod logged;
mod pausing;
mod producers;
mod random;
mod reloading;
mod starting;
mod stats;
mod tickets;
mod truncation;
mod validity;
