use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use retwist_reactor::{
    Figures, FullReactor, JobQueue, Phase, Remote, SystemEvent, Threads, catch_panic,
};

use super::pool_threads::PoolThreads;
use super::thread_local_cell::ThreadLocalCell;
use crate::{Deferred, Failure, Interrupted, Outcome, TaskOutput};

/// Threads for work that would block the reactor: name look-ups, files, long computations.
///
/// The pool starts threads when there is work for them, up to 10
/// ([`set_size`](ThreadPool::set_size)). At the end of the reactor, pending jobs are dropped, and
/// the reactor waits up to 5 s for the running ones.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist::deferred::ThreadPool;
/// use retwist::Reactor;
///
/// let reactor = Reactor::new()?;
/// let pool = ThreadPool::new(&reactor);
/// let handle = reactor.handle();
/// pool.defer_to_thread(|| std::fs::read_to_string("Cargo.toml"))
///     .done(move |text| {
///         assert!(text.unwrap().contains("[package]"));
///         handle.stop();
///     });
/// reactor.run()?;
/// # Ok(()) }
/// ```
///
/// A cheap handle: clones are the same pool. Dropping the last one drops the pending jobs.
#[derive(Clone)]
pub struct ThreadPool {
    pool: Rc<Pool>,
}

struct Pool {
    hands: Hands,
    next: Cell<u64>,
    deliveries: ThreadLocalCell<Deliveries>,
    ended: Cell<bool>,
}

/// What does the jobs.
enum Hands {
    /// Threads of the system, and the way back from them.
    Threads(Arc<PoolThreads>, Remote),
    /// What drives the loop of a reactor that has no threads; the number that it gave to each job.
    Simulated(Rc<dyn JobQueue>, Rc<RefCell<HashMap<u64, u64>>>),
}

/// What fires the promise of each job, by the job's number: with the output that the thread has
/// left, or with a failure.
#[derive(Default)]
struct Deliveries {
    pending: RefCell<HashMap<u64, Deliver>>,
}

type Deliver = Box<dyn FnOnce(Result<(), Interrupted>)>;

const DEFAULT_SIZE: usize = 10;
/// The time that the end of the reactor waits for running jobs.
const JOIN_TIMEOUT: Duration = Duration::from_secs(5);

impl ThreadPool {
    /// A pool on this reactor. One is enough for a program: clone it.
    ///
    /// [`Stats::figures`](retwist_reactor::Stats::figures) has its threads (`threads`), those at work
    /// (`threads_busy`) and the jobs that wait for one (`threads_jobs_waiting`).
    ///
    /// On a [`MemoryReactor`](retwist_reactor::testing::MemoryReactor) no thread starts: the test does
    /// each job with [`run_job`](retwist_reactor::testing::MemoryReactor::run_job).
    pub fn new(reactor: &dyn FullReactor) -> Self {
        let pool = Rc::new(Pool {
            hands: match reactor.threads() {
                Threads::Simulated(jobs) => Hands::Simulated(jobs, Rc::default()),
                Threads::System(remote) => Hands::Threads(PoolThreads::new(DEFAULT_SIZE), remote),
            },
            next: Cell::new(0),
            deliveries: ThreadLocalCell::new(|_, _| Deliveries::default()),
            ended: Cell::new(false),
        });
        let ends = Rc::downgrade(&pool);
        reactor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, move |_| {
            if let Some(pool) = ends.upgrade() {
                pool.end();
            }
        });
        if let Hands::Threads(threads, _) = &pool.hands {
            show_load(reactor.time().figures(), threads);
        }
        ThreadPool { pool }
    }

    /// Sets the most threads that there may be. Default 10. Threads above the limit end when they
    /// are idle.
    #[doc(alias = "suggestThreadPoolSize")]
    #[doc(alias = "adjustPoolsize")]
    pub fn set_size(&self, threads: usize) {
        if let Hands::Threads(pool, _) = &self.pool.hands {
            pool.set_max_threads(threads.max(1));
        }
    }

    /// The number of threads that there are now.
    pub fn threads(&self) -> usize {
        match &self.pool.hands {
            Hands::Threads(pool, _) => pool.threads(),
            Hands::Simulated(..) => 0,
        }
    }

    /// Calls `job` in a thread, and promises its result: a [`Result`], nothing, or a
    /// [`Value`](crate::Value): `pool.defer_to_thread(|| Value(6 * 7))`. A panic in it is
    /// [`Failure::Panicked`].
    ///
    /// Cancelled before it has begun, the job is dropped; later, its result is. Fails with
    /// [`Failure::ReactorEnded`] if the reactor ends first, or has ended, and with
    /// [`Failure::BrokenPromise`] if the system gives no thread at all.
    #[doc(alias = "deferToThread")]
    #[doc(alias = "callInThread")]
    pub fn defer_to_thread<J, R>(&self, job: J) -> Deferred<R::Value, R::Error>
    where
        J: FnOnce() -> R + Send + 'static,
        R: TaskOutput + Send + 'static,
    {
        if self.pool.ended.get() {
            return Deferred::from_outcome(Err(Failure::ReactorEnded));
        }
        let id = self.pool.next.replace(self.pool.next.get() + 1);
        let pool = Rc::downgrade(&self.pool);
        let (promise, deferred) = Deferred::with_canceller(move |_| {
            if let Some(pool) = pool.upgrade() {
                pool.hands.remove(id);
                pool.deliveries.take(id);
            }
        });
        let output = Arc::new(Mutex::new(None));
        let to_thread = output.clone();
        self.pool.deliveries.add(id, move |delivered| {
            let outcome: Outcome<_, _> = match delivered {
                Err(how) => Err(how.into_failure()),
                Ok(()) => match output.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    Some(Ok(output)) => TaskOutput::into_outcome(output),
                    Some(Err(message)) => Err(Failure::Panicked(message)),
                    None => return,
                },
            };
            promise.fire(outcome);
        });
        let job = move || {
            let output = catch_panic(job);
            *to_thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(output);
        };
        self.pool.hands.add(id, job, &self.pool.deliveries);
        deferred
    }
}

/// Has the reactor tell how busy the pool is.
fn show_load(figures: &Figures, threads: &Arc<PoolThreads>) {
    let names = ["threads", "threads_busy", "threads_jobs_waiting"];
    for (index, name) in names.into_iter().enumerate() {
        let threads = Arc::downgrade(threads);
        figures.gauge(name, move || {
            let load = threads.upgrade()?.load();
            u64::try_from(load[index]).ok()
        });
    }
}

impl Hands {
    /// Has a job done, which leaves its output where the delivery of this number finds it.
    fn add(
        &self,
        id: u64,
        job: impl FnOnce() + Send + 'static,
        deliveries: &ThreadLocalCell<Deliveries>,
    ) {
        let key = deliveries.key();
        let deliver = move || {
            if let Some(deliver) = key.get().and_then(|deliveries| deliveries.take(id)) {
                deliver(Ok(()));
            }
        };
        match self {
            Hands::Threads(threads, remote) => {
                let remote = remote.clone();
                let job = move || {
                    job();
                    // An error means that the reactor has ended; the promise has been fired with that.
                    let _ = remote.call_from_thread(move |_| deliver());
                };
                if let Err(error) = threads.add(id, Box::new(job)) {
                    log::error!("the thread pool has no thread for a job: {error}");
                    deliveries.take(id);
                }
            }
            Hands::Simulated(jobs, numbers) => {
                let done = numbers.clone();
                let number = jobs.add(Box::new(move || {
                    done.borrow_mut().remove(&id);
                    job();
                    deliver();
                }));
                numbers.borrow_mut().insert(id, number);
            }
        }
    }

    /// Drops a job that has not begun.
    fn remove(&self, id: u64) {
        match self {
            Hands::Threads(threads, _) => threads.remove(id),
            Hands::Simulated(jobs, numbers) => {
                let number = numbers.borrow_mut().remove(&id);
                if let Some(number) = number {
                    jobs.remove(number);
                }
            }
        }
    }

    /// Drops all that has not begun, and takes no more.
    fn stop(&self) {
        match self {
            Hands::Threads(threads, _) => threads.stop(),
            Hands::Simulated(jobs, numbers) => {
                let numbers = mem::take(&mut *numbers.borrow_mut());
                numbers.into_values().for_each(|number| jobs.remove(number));
            }
        }
    }

    /// Waits for what has begun.
    fn join(&self) {
        if let Hands::Threads(threads, _) = self {
            let left = threads.join(JOIN_TIMEOUT);
            if left > 0 {
                log::warn!(
                    "{left} threads of the pool are still at work; the reactor ends without them"
                );
            }
        }
    }
}

impl Deliveries {
    fn add(&self, id: u64, deliver: impl FnOnce(Result<(), Interrupted>) + 'static) {
        self.pending.borrow_mut().insert(id, Box::new(deliver));
    }

    fn take(&self, id: u64) -> Option<Deliver> {
        self.pending.borrow_mut().remove(&id)
    }
}

impl Pool {
    /// The reactor ends.
    fn end(&self) {
        self.ended.set(true);
        self.hands.stop();
        self.hands.join();
        let pending = mem::take(&mut *self.deliveries.pending.borrow_mut());
        for deliver in pending.into_values() {
            deliver(Err(Interrupted::ReactorEnded));
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.hands.stop();
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool")
            .field("threads", &self.threads())
            .finish_non_exhaustive()
    }
}
