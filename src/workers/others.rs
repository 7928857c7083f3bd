use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use retwist_reactor::PassTarget;

/// The other workers, as one of them sees them that passes connections on: what
/// [`Worker::others`](super::Worker::others) returns. A clone is the same.
///
/// They are those that take connections: whose set-up has called
/// [`Worker::accept_passed`](super::Worker::accept_passed), and that neither drain nor are stuck nor have ended. The
/// set-up of one comes after that of another, so ask when there is a connection to be passed.
#[derive(Clone)]
pub struct OtherWorkers {
    own: usize,
    all: Targets,
}

impl OtherWorkers {
    /// The one that serves the fewest connections.
    pub fn least_busy(&self) -> Option<PassTarget> {
        let others = self.all.lock();
        let others = others.iter().filter(|(number, target)| {
            *number != self.own && target.is_open() && !target.is_avoided()
        });
        let least = others.min_by_key(|(_, target)| target.served());
        least.map(|(_, target)| target.clone())
    }

    /// The one with this [number](super::Worker::number).
    pub fn worker(&self, number: usize) -> Option<PassTarget> {
        let others = self.all.lock();
        let mut others = others.iter();
        let found = others.find(|(other, _)| *other == number && number != self.own);
        found
            .map(|(_, target)| target.clone())
            .filter(PassTarget::is_open)
    }
}

impl fmt::Debug for OtherWorkers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<_> = self.all.lock().iter().map(|(number, _)| *number).collect();
        let others = numbers.iter().filter(|number| **number != self.own);
        f.debug_list().entries(others).finish()
    }
}

/// Where each worker takes connections, by its number.
#[derive(Clone, Default)]
pub(super) struct Targets(Arc<Mutex<Vec<(usize, PassTarget)>>>);

impl Targets {
    /// Takes the place of the one that the worker had before, or the worker before it.
    pub(super) fn set(&self, worker: usize, target: PassTarget) {
        let mut all = self.lock();
        all.retain(|(number, _)| *number != worker);
        all.push((worker, target));
    }

    pub(super) fn but(&self, own: usize) -> OtherWorkers {
        let all = self.clone();
        OtherWorkers { own, all }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(usize, PassTarget)>> {
        // No code of the application runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
