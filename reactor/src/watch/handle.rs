use std::fmt;
use std::os::fd::BorrowedFd;
use std::rc::{Rc, Weak};

use super::registration::{Registration, Wants};
use crate::OpenError;

/// A descriptor that is watched. A cheap, weak handle: the reactor owns the watch, with the descriptor
/// and the [`Watcher`](crate::Watcher), until [`remove`](Watch::remove).
///
/// All methods may be called at any time, from any callback. They do nothing once the watch has
/// ended, and when what is asked for is so already.
#[derive(Clone)]
pub struct Watch {
    pub(super) registration: Weak<Registration>,
}

impl Watch {
    /// Tells from now on when there is something to read.
    ///
    /// An error says that the system cannot watch the descriptor: it has been closed
    /// ([`OpenError::Closed`]), or is watched by the same number already
    /// ([`OpenError::AlreadyWatched`]). A file can be watched: it is ready at all times.
    #[doc(alias = "addReader")]
    pub fn start_reading(&self) -> Result<(), OpenError> {
        self.change(|wants| wants | Wants::READ)
    }

    /// Tells no more of what there is to read, even if that is known already.
    #[doc(alias = "removeReader")]
    pub fn stop_reading(&self) {
        let _ = self.change(|wants| wants - Wants::READ);
    }

    /// Tells from now on when there is room to write. The errors are those of
    /// [`start_reading`](Watch::start_reading).
    #[doc(alias = "addWriter")]
    pub fn start_writing(&self) -> Result<(), OpenError> {
        self.change(|wants| wants | Wants::WRITE)
    }

    /// Tells no more of room, even if that is known already.
    #[doc(alias = "removeWriter")]
    pub fn stop_writing(&self) {
        let _ = self.change(|wants| wants - Wants::WRITE);
    }

    /// Ends the watch. The descriptor and the watcher are dropped: at once, or when the callback of
    /// the watcher returns. No further call is made.
    pub fn remove(&self) {
        if let Some(registration) = self.registration.upgrade() {
            registration.remove();
        }
    }

    /// Whether it tells of what there is to read.
    pub fn is_reading(&self) -> bool {
        self.wants(Wants::READ)
    }

    /// Whether it tells of room to write.
    pub fn is_writing(&self) -> bool {
        self.wants(Wants::WRITE)
    }

    /// Whether it has not ended.
    pub fn is_watching(&self) -> bool {
        self.existing().is_some()
    }

    /// Lends the descriptor to `act`. `None` if the watch has ended, or is one of a
    /// [`mio` source](crate::ReactorHandle::watch_source).
    pub fn with_descriptor<R>(&self, act: impl FnOnce(BorrowedFd<'_>) -> R) -> Option<R> {
        self.existing()?.with_descriptor(act)
    }

    fn change(&self, change: impl FnOnce(Wants) -> Wants) -> Result<(), OpenError> {
        match self.existing() {
            Some(registration) => registration.change(change),
            None => Ok(()),
        }
    }

    fn wants(&self, what: Wants) -> bool {
        self.existing().is_some_and(|it| it.wants().contains(what))
    }

    fn existing(&self) -> Option<Rc<Registration>> {
        self.registration.upgrade().filter(|it| it.is_there())
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("reading", &self.is_reading())
            .field("writing", &self.is_writing())
            .finish()
    }
}
