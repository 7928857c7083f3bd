use std::any;
use std::fmt;

use super::{Ability, Facts, How, Way};
use crate::report;

/// A kind of transport, as a value: the type of a [`Way`], and what it said of itself.
#[derive(Clone, Copy)]
pub struct Kind {
    name: &'static str,
    facts: Facts,
    make: fn(How) -> Box<dyn Way>,
}

impl Kind {
    /// The kind of this way.
    pub fn of<W: Way>() -> Self {
        Kind {
            name: any::type_name::<W>(),
            facts: W::facts(),
            make: |how| Box::new(W::new(how)),
        }
    }

    /// The path of its type.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// More bytes than a connection takes if neither side reads.
    pub fn much(&self) -> usize {
        self.facts.much()
    }

    /// Whether it does this by its nature.
    pub fn can(&self, ability: Ability) -> bool {
        self.facts.can(ability)
    }

    /// A loop for connections of this kind.
    pub fn make(&self, how: How) -> Box<dyn Way> {
        (self.make)(how)
    }
}

/// The name without the modules that its parts are in: `Layered<Tls, Memory>`.
impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        report::write_short(f, self.name)
    }
}
