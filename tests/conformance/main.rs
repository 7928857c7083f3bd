//! What users of retwist rely on, on every kind of transport alike.
//!
//! A case is written once, against two [`peer`]s in a [`world`], and runs over each [`way`] of
//! connecting them; [`way`] says how to add one. What concerns the loop, ports, clients and
//! processes is below it, over sockets alone; and in `schedules` and `upgrades`, random conversations
//! are compared with a model.

#![allow(
    unreachable_pub,
    reason = "a test has no users outside; pub is what the modules offer each other"
)]

#[macro_use]
mod way;
mod peer;
mod ways;
mod world;

mod aborting;
mod application_code;
mod bounds;
mod calls;
mod child;
mod clients;
mod closing;
mod crowd;
mod deadlines;
mod delivery;
mod descriptors;
mod drops;
mod endings;
mod fairness;
mod half_close;
mod idle;
mod large_units;
mod lifecycle;
mod ownership;
mod panics;
mod pausing;
mod port_options;
mod ports;
mod producers;
mod producers_at_close;
mod relays;
mod schedules;
mod shutdown;
mod signals;
mod switching;
mod threads;
mod time;
#[cfg(unix)]
mod unix;
mod unreading;
mod upgrades;
mod workers;
