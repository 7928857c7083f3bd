//! What this project is measured with: its servers, the load on any server, and what the peers'
//! servers have in common with them.
//!
//! `benches/run` and `benches/counts` drive all of it; see BENCHMARKS.md.

pub mod args;
pub mod certificate;
pub mod counted;
pub mod listener;
pub mod load;
pub mod pattern;
pub mod servers;
pub mod timers;
