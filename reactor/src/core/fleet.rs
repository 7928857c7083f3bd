use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Remote;

/// The reactors of this process that run, in whatever threads: a restart asks all of them for their
/// sockets.
static RUNNING: Mutex<Vec<Remote>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<Remote>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn started(remote: &Remote) {
    running().push(remote.clone());
}

pub(super) fn ended(remote: &Remote) {
    let mut running = running();
    let index = running.iter().position(|one| one.is(remote));
    let ended = index.map(|index| running.remove(index));
    drop(running);
    drop(ended);
}

pub(crate) fn all() -> Vec<Remote> {
    running().clone()
}
