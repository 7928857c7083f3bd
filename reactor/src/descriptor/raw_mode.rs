//! Terminals whose mode was changed, and that get it back.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use slab::Slab;

use crate::core::signals::cleanup::Cleanup;

/// A terminal in raw mode. When this is dropped, or a signal ends the process, the terminal is as
/// it was before.
pub(super) struct RawMode {
    key: usize,
    _cleanup: Cleanup,
}

/// All terminals of this process that are in raw mode, for the thread that waits for signals.
static CHANGED: Mutex<Slab<Changed>> = Mutex::new(Slab::new());

struct Changed {
    /// The stream may be closed before the mode is given back.
    terminal: OwnedFd,
    before: Termios,
}

fn changed() -> MutexGuard<'static, Slab<Changed>> {
    CHANGED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RawMode {
    pub(super) fn enter(terminal: BorrowedFd<'_>) -> io::Result<Self> {
        // What is to be undone is known before it is done.
        let cleanup = Cleanup::new(give_back_all)?;
        let terminal = terminal.try_clone_to_owned()?;
        let before = tcgetattr(&terminal)?;
        let mut raw = before.clone();
        raw.make_raw();
        let mut all = changed();
        tcsetattr(&terminal, OptionalActions::Now, &raw)?;
        let key = all.insert(Changed { terminal, before });
        Ok(RawMode {
            key,
            _cleanup: cleanup,
        })
    }
}

impl Changed {
    /// Waits for no output: a terminal that is stopped takes none.
    fn give_back(&self) {
        if let Err(error) = tcsetattr(&self.terminal, OptionalActions::Now, &self.before) {
            log::debug!("the terminal does not take its mode back: {error}");
        }
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        if let Some(it) = changed().try_remove(self.key) {
            it.give_back();
        }
    }
}

/// A signal ends the process.
fn give_back_all() {
    for (_, it) in &*changed() {
        it.give_back();
    }
}
