use std::cell::Cell;
use std::rc::Rc;

use crate::core::sources::Sources;

/// What the connections of one port share, or all connections that this side made.
pub(crate) struct Siblings {
    pub(crate) sources: Rc<Sources>,
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
    pub(crate) fn count(&self) -> usize {
        self.open.get()
    }

    pub(crate) fn opened(&self) {
        self.open.set(self.open.get() + 1);
    }

    pub(crate) fn closed(&self) {
        self.open.set(self.open.get() - 1);
    }
}
