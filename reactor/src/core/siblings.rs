use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use crate::core::sources::Sources;
use crate::heart::figures::count;
use crate::{Address, Clock, Refused};

/// What the connections of one port share, or all connections that this side made.
pub(crate) struct Siblings {
    pub(crate) sources: Rc<Sources>,
    open: Cell<usize>,
    are_served: bool,
    /// Where their port listens, once it does.
    port: OnceCell<Address>,
    accepted: Cell<u64>,
    refused: Cell<Refused>,
}

impl Siblings {
    /// Those of a port, or connections that were accepted elsewhere: a drain waits for them.
    pub(crate) fn served(sources: &Rc<Sources>) -> Rc<Self> {
        Siblings::new(sources, true)
    }

    /// Those that this side made.
    pub(crate) fn outgoing(sources: &Rc<Sources>) -> Rc<Self> {
        Siblings::new(sources, false)
    }

    fn new(sources: &Rc<Sources>, are_served: bool) -> Rc<Self> {
        Rc::new(Siblings {
            sources: sources.clone(),
            open: Cell::new(0),
            are_served,
            port: OnceCell::new(),
            accepted: Cell::new(0),
            refused: Cell::default(),
        })
    }

    /// They are those of this port.
    pub(crate) fn belong_to(&self, port: Address) {
        // A port that listens again is where it was.
        let _ = self.port.set(port);
    }

    /// The port that accepted them; `None` for those that this side made.
    pub(crate) fn port(&self) -> Option<&Address> {
        self.port.get()
    }

    pub(crate) fn count_accepted(&self, clock: &Clock) {
        count(&self.accepted);
        count(&clock.figures().totals.accepted);
    }

    pub(crate) fn count_refused(&self, clock: &Clock, reason: impl Fn(&mut Refused) -> &mut u64) {
        for cell in [&self.refused, &clock.figures().totals.refused] {
            let mut refused = cell.get();
            *reason(&mut refused) += 1;
            cell.set(refused);
        }
    }

    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.get()
    }

    pub(crate) fn refused(&self) -> Refused {
        self.refused.get()
    }

    /// How many of them are open.
    pub(crate) fn count(&self) -> usize {
        self.open.get()
    }

    /// Whether a drain waits for them: see [`Sources::served`].
    pub(crate) fn are_served(&self) -> bool {
        self.are_served
    }

    pub(crate) fn opened(&self) {
        self.open.set(self.open.get() + 1);
        if self.are_served {
            self.sources.serve();
        }
    }

    pub(crate) fn closed(&self) {
        self.open.set(self.open.get() - 1);
        if self.are_served {
            self.sources.served_one();
        }
    }
}
