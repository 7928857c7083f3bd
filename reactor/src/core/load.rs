use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many connections and children a reactor serves, where other threads see it too. A clone is the
/// same.
#[derive(Clone, Default)]
pub(crate) struct Load(Arc<AtomicUsize>);

impl Load {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Only the reactor's own thread changes it.
    pub(crate) fn set(&self, served: usize) {
        self.0.store(served, Ordering::Relaxed);
    }
}
