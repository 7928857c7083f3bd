use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::MemoryReactor;
use crate::values::panic::log_panic;
use crate::{JobQueue, ReactorThreads, Threads};

type Job = Box<dyn FnOnce()>;

/// The jobs for the threads that a [`MemoryReactor`] does not have.
#[derive(Default)]
pub(super) struct Jobs {
    pending: RefCell<VecDeque<(u64, Job)>>,
    next: Cell<u64>,
}

impl JobQueue for Jobs {
    fn add(&self, job: Job) -> u64 {
        let number = self.next.get();
        self.next.set(number + 1);
        self.pending.borrow_mut().push_back((number, job));
        number
    }

    fn remove(&self, number: u64) {
        let job = {
            let mut pending = self.pending.borrow_mut();
            let index = pending.iter().position(|(other, _)| *other == number);
            index.and_then(|index| pending.remove(index))
        };
        log_panic("the drop of a job", || drop(job));
    }
}

impl MemoryReactor {
    /// Returns how many jobs wait for a thread: those of thread pools that were made on this reactor.
    pub fn pending_jobs(&self) -> usize {
        self.jobs.pending.borrow().len()
    }

    /// Does the job that has waited longest, in this thread, and then runs what it has asked for.
    /// Returns false if no job waits.
    pub fn run_job(&self) -> bool {
        let job = self.jobs.pending.borrow_mut().pop_front();
        let Some((_, job)) = job else {
            return false;
        };
        log_panic("a job", job);
        self.clock.run();
        true
    }
}

impl ReactorThreads for MemoryReactor {
    fn threads(&self) -> Threads {
        let jobs: Rc<Jobs> = self.jobs.clone();
        Threads::Simulated(jobs)
    }
}
