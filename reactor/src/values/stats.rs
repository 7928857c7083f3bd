//! What a reactor tells of itself: values that are taken at one moment.

mod connection;
mod figure;
mod histogram;
mod longest;
mod port;
mod reactor;

pub use connection::{ConnectionState, ConnectionStats};
pub use figure::{Figure, FigureKind, FigureName};
pub use histogram::Histogram;
pub use longest::{LongestWork, Work};
pub use port::{PortStats, Refused};
pub use reactor::{ConnectionsByState, LoopTimes, Stats};
