//! Ways with a bug: loops that forget, starve, or do not keep to what they were told.

use std::mem;
use std::time::Duration;

use retwist_conformance::streams::{Facts, How, Memory, Way};
use retwist_reactor::{Clock, ProtocolRef};

/// Its connections outlive it, and hear nothing of its end.
pub(crate) struct Deaf(Option<Memory>);

impl Drop for Deaf {
    fn drop(&mut self) {
        mem::forget(self.0.take());
    }
}

/// One pass of it is a thousand.
pub(crate) struct Greedy(Memory);

/// It does not set the bounds that it is told.
pub(crate) struct Lax(Memory);

macro_rules! way {
    ($way:ident, $this:ident, $make:expr, $memory:expr, $memory_mut:expr, $passes:expr) => {
        impl Way for $way {
            fn facts() -> Facts {
                Memory::facts()
            }

            fn new(how: How) -> Self {
                $make(how)
            }

            fn connect(&mut $this, client: ProtocolRef, server: ProtocolRef) {
                $memory_mut.connect(client, server);
            }

            fn pass(&$this, wait: Duration) {
                $memory.pass(wait);
            }

            fn one_pass(&$this) {
                (0..$passes).for_each(|_| $memory.one_pass());
            }

            fn clock(&$this) -> Clock {
                $memory.clock()
            }
        }
    };
}

way!(
    Deaf,
    self,
    |how| Deaf(Some(Memory::new(how))),
    self.0.as_ref().unwrap(),
    self.0.as_mut().unwrap(),
    1
);
way!(
    Greedy,
    self,
    |how| Greedy(Memory::new(how)),
    self.0,
    self.0,
    1000
);
way!(
    Lax,
    self,
    |how: How| Lax(Memory::new(How::cut(how.cut))),
    self.0,
    self.0,
    1
);
