use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::testing::{ManualClock, Pair};
use retwist_reactor::{Clock, ProtocolRef};

use crate::streams::{Facts, How, Way};

/// Two streams joined in memory, on a clock that is moved by hand.
pub struct Memory {
    how: How,
    clock: Rc<ManualClock>,
    pairs: Vec<Pair>,
}

impl Way for Memory {
    fn facts() -> Facts {
        Facts::new(400_000)
    }

    fn new(how: How) -> Self {
        Memory {
            how,
            clock: Rc::new(ManualClock::new()),
            pairs: Vec::new(),
        }
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let How {
            cut,
            client: ours,
            server: theirs,
        } = self.how.clone();
        let pair = Pair::with_settings(&self.clock, client, ours, server, theirs);
        self.pairs.push(pair.cut(cut));
    }

    fn pass(&self, wait: Duration) {
        self.clock.advance(wait);
    }

    fn one_pass(&self) {
        self.clock.turn();
    }

    fn clock(&self) -> Clock {
        Clock::clone(&self.clock)
    }
}
