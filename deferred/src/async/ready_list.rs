use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

use retwist_reactor::Remote;

use super::executor::Tasks;
use crate::threads::ThreadKey;

/// How an executor is told, from any thread, which tasks want a turn.
pub(crate) struct ReadyList {
    ready: Mutex<Vec<u64>>,
    tasks: ThreadKey<Tasks>,
    remote: Option<Remote>,
}

/// Wakes one task.
pub(crate) struct TaskWaker {
    id: u64,
    ready_list: Arc<ReadyList>,
    /// It is among the ready ones already.
    queued: AtomicBool,
}

impl ReadyList {
    pub(crate) fn new(tasks: ThreadKey<Tasks>, remote: Option<Remote>) -> Self {
        ReadyList {
            ready: Mutex::default(),
            tasks,
            remote,
        }
    }

    /// Who was woken, in that order, since the last time.
    pub(crate) fn take_ready(&self) -> Vec<u64> {
        mem::take(&mut *self.ready())
    }

    fn ready(&self) -> MutexGuard<'_, Vec<u64>> {
        // No code of others runs under the lock.
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self) {
        if let Some(tasks) = self.tasks.find() {
            return tasks.wants_turn();
        }
        let tasks = self.tasks;
        if let Some(remote) = &self.remote {
            // The reactor has ended, or it will look.
            let _ = remote.call_from_thread(move |_| {
                if let Some(tasks) = tasks.find() {
                    tasks.wants_turn();
                }
            });
        }
    }
}

impl TaskWaker {
    pub(crate) fn new(id: u64, ready_list: &Arc<ReadyList>) -> Arc<Self> {
        Arc::new(TaskWaker {
            id,
            ready_list: ready_list.clone(),
            queued: AtomicBool::new(false),
        })
    }

    /// The turn is here; from now on, it can be woken for another one.
    pub(crate) fn begin_turn(&self) {
        self.queued.store(false, Ordering::Release);
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.ready_list.ready().push(self.id);
            self.ready_list.notify();
        }
    }
}
