use std::cell::RefCell;
use std::fs::File;

/// A descriptor kept back for the day when there is no other: with it a connection can be accepted,
/// only to be closed, so that the peer learns that it is refused instead of waiting in the queue of
/// a server that cannot see it.
#[derive(Default)]
pub(crate) struct Reserve {
    kept: RefCell<Option<File>>,
}

impl Reserve {
    pub(crate) fn new() -> Self {
        let reserve = Reserve::default();
        reserve.refill();
        reserve
    }

    /// Frees the descriptor for the time of `refuse`. None, and no call, if there was none to free.
    pub(crate) fn lend<R>(&self, refuse: impl FnOnce() -> R) -> Option<R> {
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
