//! retwist beside its peers: the servers, and what they share with the load generator.
//!
//! `benches/run` drives all of it; see BENCHMARKS.md.

pub mod args;
pub mod certificate;
pub mod load;
pub mod servers;

/// A byte stream that both ends of a measurement can make from any position on, so that every byte
/// that comes back is checked.
pub mod pattern {
    /// No power of two, so that a piece that is missing, doubled or moved does not fit.
    const PERIOD: usize = 251;

    /// The stream, long enough to take any message from any position within one period.
    pub fn table(longest: usize) -> Vec<u8> {
        (0..longest + PERIOD)
            .map(|at| (at % PERIOD) as u8 ^ 0x5a)
            .collect()
    }

    /// Where in the table the byte at `position` of the stream is.
    pub fn at(position: u64) -> usize {
        (position % PERIOD as u64) as usize
    }
}
