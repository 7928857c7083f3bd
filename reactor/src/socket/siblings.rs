use std::cell::Cell;
use std::rc::Rc;

use crate::sources::Sources;

/// What the connections of one port share, or all connections that this side made.
pub(crate) struct Siblings {
    pub(super) sources: Rc<Sources>,
    open: Cell<usize>,
}

impl Siblings {
    pub(crate) fn new(sources: &Rc<Sources>) -> Rc<Self> {
        Rc::new(Siblings {
            sources: sources.clone(),
            open: Cell::new(0),
        })
    }

    /// How many of them are open.
    pub(super) fn count(&self) -> usize {
        self.open.get()
    }

    pub(super) fn opened(&self) {
        self.open.set(self.open.get() + 1);
    }

    pub(super) fn closed(&self) {
        self.open.set(self.open.get() - 1);
    }
}
