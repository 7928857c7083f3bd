use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use retwist_reactor::ReactorHandle;

/// How the workers fare, for any thread: what [`Workers::status`](super::Workers::status) returns. A
/// clone is the same.
///
/// The reactor of each worker, and the one that waits for them, have the four numbers as figures too:
/// `workers_alive`, `workers_stuck`, `workers_replaced` and `workers_connections_lost`. They are about all
/// workers together, in each of the reactors.
#[derive(Clone, Default)]
pub struct WorkersStatus(Arc<Counts>);

type Read = fn(&WorkersStatus) -> usize;

#[derive(Default)]
struct Counts {
    alive: AtomicUsize,
    stuck: AtomicUsize,
    replaced: AtomicUsize,
    connections_lost: AtomicUsize,
}

impl WorkersStatus {
    /// How many workers serve, without those that are stuck.
    pub fn alive(&self) -> usize {
        self.0.alive.load(Ordering::SeqCst)
    }

    /// How many threads are in a callback that has not returned for the period of the
    /// [watchdog](super::Workers::watchdog), those among them that were replaced too.
    pub fn stuck(&self) -> usize {
        self.0.stuck.load(Ordering::SeqCst)
    }

    /// How many workers were set up in place of others.
    pub fn replaced(&self) -> usize {
        self.0.replaced.load(Ordering::SeqCst)
    }

    /// How many connections were lost with workers that have failed.
    pub fn connections_lost(&self) -> usize {
        self.0.connections_lost.load(Ordering::SeqCst)
    }

    pub(super) fn set_alive(&self, alive: usize) {
        self.0.alive.store(alive, Ordering::SeqCst);
    }

    pub(super) fn set_stuck(&self, stuck: usize) {
        self.0.stuck.store(stuck, Ordering::SeqCst);
    }

    pub(super) fn one_is_replaced(&self) {
        self.0.replaced.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn are_lost(&self, connections: usize) {
        self.0
            .connections_lost
            .fetch_add(connections, Ordering::SeqCst);
    }

    /// Shows them among the figures of this reactor.
    pub(super) fn show_on(&self, reactor: &ReactorHandle) {
        let figures: [(&str, Read); 4] = [
            ("workers_alive", WorkersStatus::alive),
            ("workers_stuck", WorkersStatus::stuck),
            ("workers_replaced", WorkersStatus::replaced),
            ("workers_connections_lost", WorkersStatus::connections_lost),
        ];
        for (name, read) in figures {
            let status = self.clone();
            let read = move || u64::try_from(read(&status)).ok();
            reactor.figures().gauge(name, read);
        }
    }
}

impl fmt::Debug for WorkersStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkersStatus")
            .field("alive", &self.alive())
            .field("stuck", &self.stuck())
            .field("replaced", &self.replaced())
            .field("connections_lost", &self.connections_lost())
            .finish()
    }
}
