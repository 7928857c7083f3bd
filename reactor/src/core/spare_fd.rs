use std::cell::RefCell;
use std::fs::File;

/// A descriptor that is kept for the time when no other is left. With it a port can accept a
/// connection only to close it, so that the peer learns that it is refused: without it the peer would
/// wait in the queue of a server that cannot see it.
#[derive(Default)]
pub(crate) struct SpareFd {
    kept: RefCell<Option<File>>,
}

impl SpareFd {
    pub(crate) fn new() -> Self {
        let spare = SpareFd::default();
        spare.refill();
        spare
    }

    /// Frees the descriptor, calls `refuse`, and opens it again. Returns `None`, without a call, if
    /// there was none to free.
    pub(crate) fn with_released<R>(&self, refuse: impl FnOnce() -> R) -> Option<R> {
        let kept = self.kept.borrow_mut().take();
        let outcome = kept.map(|descriptor| {
            drop(descriptor);
            refuse()
        });
        self.refill();
        outcome
    }

    fn refill(&self) {
        let mut kept = self.kept.borrow_mut();
        if kept.is_none() {
            *kept = File::open("/dev/null").ok();
        }
    }
}
