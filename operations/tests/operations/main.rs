//! The console, the metrics and the page in memory, on a clock that is moved by hand.

mod console;
#[cfg(feature = "health")]
mod health;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "page")]
mod page;
mod world;
