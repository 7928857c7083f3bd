use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

use retwist_reactor::Remote;

use super::executor::Tasks;
use crate::threads::ThreadKey;

/// The tasks of an executor that were woken, from any thread, and how it learns of them.
pub(super) struct ReadyList {
    ready: Mutex<Vec<u64>>,
    tasks: ThreadKey<Tasks>,
    remote: Option<Remote>,
}

/// Wakes one task.
pub(super) struct TaskWaker {
    id: u64,
    ready_list: Arc<ReadyList>,
    /// The task is in the list already.
    queued: AtomicBool,
}

impl ReadyList {
    pub(super) fn new(tasks: ThreadKey<Tasks>, remote: Option<Remote>) -> Self {
        ReadyList {
            ready: Mutex::default(),
            tasks,
            remote,
        }
    }

    /// Takes the tasks that were woken since the last time, in order.
    pub(super) fn take(&self) -> Vec<u64> {
        mem::take(&mut *self.ready())
    }

    fn ready(&self) -> MutexGuard<'_, Vec<u64>> {
        // A poisoned lock is whole: no code outside this file runs under it.
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the executor to look at the list.
    fn notify(&self) {
        if let Some(tasks) = self.tasks.get() {
            return tasks.schedule();
        }
        let tasks = self.tasks;
        if let Some(remote) = &self.remote {
            // An error means that the reactor has ended, and with it the tasks.
            let _ = remote.call_from_thread(move |_| {
                if let Some(tasks) = tasks.get() {
                    tasks.schedule();
                }
            });
        }
    }
}

impl TaskWaker {
    pub(super) fn new(id: u64, ready_list: &Arc<ReadyList>) -> Arc<Self> {
        Arc::new(TaskWaker {
            id,
            ready_list: ready_list.clone(),
            queued: AtomicBool::new(false),
        })
    }

    /// The task is about to be polled. From now on, a wake means another poll.
    pub(super) fn begin_poll(&self) {
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
