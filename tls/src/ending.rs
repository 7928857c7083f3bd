use std::cell::Cell;

use retwist_reactor::Reason;

/// How the last connection of a factory ended. A connector asks right after its own connection has
/// been told, so the answer is about that one.
#[derive(Default)]
pub(crate) struct LastEnding(Cell<Option<Ending>>);

pub(crate) struct Ending {
    /// Whether the handshake was over.
    pub(crate) completed: bool,
    pub(crate) reason: Reason,
}

impl LastEnding {
    pub(crate) fn set(&self, ending: Ending) {
        self.0.set(Some(ending));
    }

    pub(crate) fn take(&self) -> Option<Ending> {
        self.0.take()
    }
}
