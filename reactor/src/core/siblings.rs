use std::cell::Cell;
use std::rc::Rc;

use crate::core::sources::Sources;

/// What the connections of one port share, or all connections that this side made.
pub(crate) struct Siblings {
    pub(crate) sources: Rc<Sources>,
    open: Cell<usize>,
    are_served: bool,
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
        })
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
