use crate::Address;

/// One port, as it is at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PortStats {
    /// Where it listens, or has listened.
    pub address: Address,
    /// Whether it listens now; a port that is paused does.
    pub listening: bool,
    /// Whether it accepts nothing for a while.
    pub paused: bool,
    /// How many of the connections that it accepted have not ended. A port of datagrams has none.
    pub connections: usize,
    /// How many connections it has accepted, without those that were refused.
    pub accepted: u64,
    /// How many it has refused, and why.
    pub refused: Refused,
}

/// Connections that were refused, by the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The factory made no protocol for them: a limit, a list of addresses.
    pub by_factory: u64,
    /// No descriptor was left: raise the limit of open files.
    pub no_descriptors: u64,
    /// The system could not accept or watch them: memory is short, say. One error of the system counts
    /// once, however many connections wait.
    pub by_system: u64,
}

impl Refused {
    /// All of them together.
    pub fn total(&self) -> u64 {
        self.by_factory + self.no_descriptors + self.by_system
    }

    /// Each reason by its name, as a console and a metric show it.
    pub fn by_reason(&self) -> [(&'static str, u64); 3] {
        [
            ("factory", self.by_factory),
            ("descriptors", self.no_descriptors),
            ("system", self.by_system),
        ]
    }
}
