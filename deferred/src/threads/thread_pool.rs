use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use retwist_reactor::{Phase, ReactorHandle, Remote, SystemEvent, catch_panic};

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
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist_deferred::ThreadPool;
/// use retwist_reactor::Reactor;
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
    threads: Arc<PoolThreads>,
    remote: Remote,
    next: Cell<u64>,
    deliveries: ThreadLocalCell<Deliveries>,
    ended: Cell<bool>,
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
    pub fn new(reactor: &ReactorHandle) -> Self {
        let pool = Rc::new(Pool {
            threads: PoolThreads::new(DEFAULT_SIZE),
            remote: reactor.remote(),
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
        ThreadPool { pool }
    }

    /// Sets the most threads that there may be. Default 10. Threads above the limit end when they
    /// are idle.
    #[doc(alias = "suggestThreadPoolSize")]
    #[doc(alias = "adjustPoolsize")]
    pub fn set_size(&self, threads: usize) {
        self.pool.threads.set_max_threads(threads.max(1));
    }

    /// The number of threads that there are now.
    pub fn threads(&self) -> usize {
        self.pool.threads.threads()
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
                pool.threads.remove(id);
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
        let (remote, key) = (self.pool.remote.clone(), self.pool.deliveries.key());
        let job = move || {
            let output = catch_panic(job);
            *to_thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(output);
            // An error means that the reactor has ended; the promise has been fired with that.
            let _ = remote.call_from_thread(move |_| {
                if let Some(deliver) = key.get().and_then(|deliveries| deliveries.take(id)) {
                    deliver(Ok(()));
                }
            });
        };
        if let Err(error) = self.pool.threads.add(id, Box::new(job)) {
            log::error!("the thread pool has no thread for a job: {error}");
            self.pool.deliveries.take(id);
        }
        deferred
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
        self.threads.stop();
        let left = self.threads.join(JOIN_TIMEOUT);
        if left > 0 {
            log::warn!(
                "{left} threads of the pool are still at work; the reactor ends without them"
            );
        }
        let pending = mem::take(&mut *self.deliveries.pending.borrow_mut());
        for deliver in pending.into_values() {
            deliver(Err(Interrupted::ReactorEnded));
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.threads.stop();
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool")
            .field("threads", &self.threads())
            .finish_non_exhaustive()
    }
}
