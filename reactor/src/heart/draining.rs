use std::cell::Cell;
use std::rc::Rc;

/// Whether a reactor drains: what its connections, ports and children share with it. A clone is the
/// same.
#[derive(Clone, Default)]
pub(crate) struct Draining(Rc<Cell<bool>>);

impl Draining {
    pub(crate) fn is_on(&self) -> bool {
        self.0.get()
    }

    pub(crate) fn set(&self, on: bool) {
        self.0.set(on);
    }
}
