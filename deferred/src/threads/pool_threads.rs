use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Work for another thread. It does not panic.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// The threads of a pool, and the jobs that wait for one of them, in the order in which they came.
pub(crate) struct PoolThreads {
    state: Mutex<State>,
    /// There is a job, or the end.
    news: Condvar,
    /// A thread has ended.
    ended: Condvar,
}

struct State {
    jobs: VecDeque<(u64, Job)>,
    max_threads: usize,
    threads: usize,
    idle: usize,
    stopping: bool,
}

impl PoolThreads {
    pub(crate) fn new(max_threads: usize) -> Arc<Self> {
        Arc::new(PoolThreads {
            state: Mutex::new(State {
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

    /// Has `job` done, by a thread that is idle or by a new one, if there may be one more. An
    /// error, and the job is dropped, if nobody would ever do it.
    pub(crate) fn add(self: &Arc<Self>, id: u64, job: Job) -> io::Result<()> {
        let mut state = self.state();
        if state.stopping {
            return Err(io::Error::other("the pool has ended"));
        }
        if state.idle <= state.jobs.len() && state.threads < state.max_threads {
            match self.start_thread() {
                Ok(()) => state.threads += 1,
                Err(error) if state.threads == 0 => return Err(error),
                Err(error) => log::warn!("{} threads, and no more: {error}", state.threads),
            }
        }
        state.jobs.push_back((id, job));
        drop(state);
        self.news.notify_one();
        Ok(())
    }

    /// The job is not done, if it has not begun.
    pub(crate) fn remove(&self, id: u64) {
        let job = {
            let mut state = self.state();
            let index = state.jobs.iter().position(|(waiting, _)| *waiting == id);
            index.and_then(|index| state.jobs.remove(index))
        };
        drop(job);
    }

    /// How many threads there may be: those that are idle or finish their job end, if they are too
    /// many.
    pub(crate) fn set_max_threads(&self, max_threads: usize) {
        self.state().max_threads = max_threads;
        self.news.notify_all();
    }

    pub(crate) fn threads(&self) -> usize {
        self.state().threads
    }

    /// Begins no job any more.
    pub(crate) fn stop(&self) {
        let jobs = {
            let mut state = self.state();
            state.stopping = true;
            mem::take(&mut state.jobs)
        };
        drop(jobs);
        self.news.notify_all();
    }

    /// Waits for the threads to end, for at max_threads this time: how many have not.
    pub(crate) fn join(&self, time: Duration) -> usize {
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

    /// What a thread does.
    fn work(&self) {
        while let Some(job) = self.next() {
            job();
        }
        self.ended.notify_all();
    }

    /// The next job; none if this thread is to end.
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

    fn state(&self) -> MutexGuard<'_, State> {
        // No code of others runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
