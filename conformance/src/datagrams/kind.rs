use std::any;
use std::fmt;

use super::{Facts, Way};
use crate::report;

/// A kind of port, as a value: the type of a [`Way`], and what it said of itself.
#[derive(Clone, Copy)]
pub struct Kind {
    name: &'static str,
    facts: Facts,
    make: fn() -> Box<dyn Way>,
}

impl Kind {
    /// The kind of this way.
    pub fn of<W: Way>() -> Self {
        Kind {
            name: any::type_name::<W>(),
            facts: W::facts(),
            make: || Box::new(W::new()),
        }
    }

    /// The path of its type.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns what it does by its nature.
    pub fn facts(&self) -> Facts {
        self.facts
    }

    /// A loop for ports of this kind.
    pub fn make(&self) -> Box<dyn Way> {
        (self.make)()
    }
}

/// The name without the modules that its parts are in.
impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        report::write_short(f, self.name)
    }
}
