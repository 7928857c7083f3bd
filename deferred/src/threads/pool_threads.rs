use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use retwist_reactor::catch_panic;

/// A job for another thread.
pub(super) type Job = Box<dyn FnOnce() + Send>;

/// The threads of a pool, and the pending jobs in order.
pub(super) struct PoolThreads {
    state: Mutex<PoolState>,
    /// Wakes a thread: there is a job, or the thread is to end.
    news: Condvar,
    /// A thread has ended.
    ended: Condvar,
}

struct PoolState {
    jobs: VecDeque<(u64, Job)>,
    max_threads: usize,
    threads: usize,
    idle: usize,
    stopping: bool,
}

/// Drops a job that is never done, with what it captured: values of an application.
fn drop_job((_, job): (u64, Job)) {
    if let Err(message) = catch_panic(|| drop(job)) {
        log::error!("the drop of a job of a thread pool panicked: {message}");
    }
}

impl PoolThreads {
    pub(super) fn new(max_threads: usize) -> Arc<Self> {
        Arc::new(PoolThreads {
            state: Mutex::new(PoolState {
                jobs: VecDeque::new(),
                max_threads,
                threads: 0,
                idle: 0,
                stopping: false,
            }),
            news: Condvar::new(),
            ended: Condvar::new(),
        })
    }

    /// Adds a job, and starts a thread for it if none is idle and there may be one more. Fails, and
    /// drops the job, if there is no thread and the system gives none.
    pub(super) fn add(self: &Arc<Self>, id: u64, job: Job) -> io::Result<()> {
        let mut state = self.state();
        if state.stopping {
            return Err(io::Error::other("the pool has ended"));
        }
        if state.idle <= state.jobs.len() && state.threads < state.max_threads {
            match self.start_thread() {
                Ok(()) => state.threads += 1,
                Err(error) if state.threads == 0 => return Err(error),
                Err(error) => log::warn!(
                    "the thread pool stays at {} threads: {error}",
                    state.threads
                ),
            }
        }
        state.jobs.push_back((id, job));
        drop(state);
        self.news.notify_one();
        Ok(())
    }

    /// Drops the job, if it has not begun.
    pub(super) fn remove(&self, id: u64) {
        let job = {
            let mut state = self.state();
            let index = state.jobs.iter().position(|(pending, _)| *pending == id);
            index.and_then(|index| state.jobs.remove(index))
        };
        job.into_iter().for_each(drop_job);
    }

    /// Sets the limit. Threads above it end as soon as they are idle.
    pub(super) fn set_max_threads(&self, max_threads: usize) {
        self.state().max_threads = max_threads;
        self.news.notify_all();
    }

    pub(super) fn threads(&self) -> usize {
        self.state().threads
    }

    /// How many threads there are, how many of them are at work, and how many jobs wait.
    pub(super) fn load(&self) -> [usize; 3] {
        let state = self.state();
        let busy = state.threads.saturating_sub(state.idle);
        [state.threads, busy, state.jobs.len()]
    }

    /// Drops the pending jobs, and takes no more.
    pub(super) fn stop(&self) {
        let jobs = {
            let mut state = self.state();
            state.stopping = true;
            mem::take(&mut state.jobs)
        };
        jobs.into_iter().for_each(drop_job);
        self.news.notify_all();
    }

    /// Waits for the threads to end, for at most this time. Returns the number of those that have
    /// not.
    pub(super) fn join(&self, time: Duration) -> usize {
        let state = self.state();
        let left = self
            .ended
            .wait_timeout_while(state, time, |state| state.threads > 0);
        left.unwrap_or_else(PoisonError::into_inner).0.threads
    }

    fn start_thread(self: &Arc<Self>) -> io::Result<()> {
        let pool = self.clone();
        let builder = thread::Builder::new().name("retwist-pool".into());
        builder.spawn(move || pool.work())?;
        Ok(())
    }

    /// The life of a thread.
    fn work(&self) {
        while let Some(job) = self.next() {
            // The job catches the panics of the application's code, but not one in the drop of its
            // result, for which no code waits.
            if let Err(message) = catch_panic(job) {
                log::error!("the drop of a result of a thread pool panicked: {message}");
            }
        }
        self.ended.notify_all();
    }

    /// Waits for the next job. Returns `None` if this thread is to end.
    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if state.stopping || state.threads > state.max_threads {
                state.threads -= 1;
                return None;
            }
            if let Some((_, job)) = state.jobs.pop_front() {
                return Some(job);
            }
            state.idle += 1;
            state = self
                .news
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        // A poisoned lock is whole: no code outside this file runs under it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
