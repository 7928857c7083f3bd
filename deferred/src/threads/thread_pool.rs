use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use retwist_reactor::{Phase, ReactorHandle, Remote, SystemEvent, catch_panic};

use super::pool_threads::PoolThreads;
use super::thread_local_cell::ThreadLocalCell;
use crate::{Deferred, Failure, TaskOutput};

/// Threads for what would hold up the loop: name look-ups, files, long computations.
///
/// Threads are started when there is work for them, up to 10 ([`set_size`](ThreadPool::set_size)).
/// They end with the reactor: a job that has not begun by then is dropped, and for those that have
/// the reactor waits, up to 5 s.
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
///         handle.stop().unwrap();
///     });
/// reactor.run()?;
/// # Ok(()) }
/// ```
///
/// A cheap handle: clones are the same pool. When the last is dropped, jobs that have not begun are
/// dropped.
#[derive(Clone)]
pub struct ThreadPool {
    inner: Rc<Inner>,
}

struct Inner {
    threads: Arc<PoolThreads>,
    remote: Remote,
    next: Cell<u64>,
    waiting: ThreadLocalCell<Waiting>,
}

/// Who waits for the outcome of which job.
#[derive(Default)]
struct Waiting {
    jobs: RefCell<HashMap<u64, Box<dyn FnOnce()>>>,
}

const SIZE: usize = 10;
/// How long the end of the reactor waits for jobs.
const PATIENCE: Duration = Duration::from_secs(5);

impl ThreadPool {
    /// The pool of this reactor. One is enough: clone it for all who want it.
    pub fn new(reactor: &ReactorHandle) -> Self {
        let inner = Rc::new(Inner {
            threads: PoolThreads::new(SIZE),
            remote: reactor.remote(),
            next: Cell::new(0),
            waiting: ThreadLocalCell::new(|_, _| Waiting::default()),
        });
        let pool = Rc::downgrade(&inner);
        reactor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, move |_| {
            if let Some(pool) = pool.upgrade() {
                pool.end();
            }
        });
        ThreadPool { inner }
    }

    /// How many threads there may be; default 10. Those that are too many end when they are idle.
    #[doc(alias = "suggestThreadPoolSize")]
    #[doc(alias = "adjustPoolsize")]
    pub fn set_size(&self, threads: usize) {
        self.inner.threads.set_max_threads(threads.max(1));
    }

    /// How many threads there are now.
    pub fn threads(&self) -> usize {
        self.inner.threads.threads()
    }

    /// Calls `job` in a thread, and promises what it returns: a [`Result`], or nothing. A panic in
    /// it is [`Failure::Panicked`].
    ///
    /// Cancelled before it has begun, it is not called; later, it goes on unheard.
    /// [`Failure::BrokenPromise`] if the reactor has ended, or the system gives no thread at all.
    #[doc(alias = "deferToThread")]
    #[doc(alias = "callInThread")]
    pub fn defer_to_thread<J, R>(&self, job: J) -> Deferred<R::Value, R::Error>
    where
        J: FnOnce() -> R + Send + 'static,
        R: TaskOutput + Send + 'static,
    {
        let id = self.inner.next.replace(self.inner.next.get() + 1);
        let inner = Rc::downgrade(&self.inner);
        let (promise, deferred) = Deferred::with_canceller(move |_| {
            if let Some(inner) = inner.upgrade() {
                inner.threads.remove(id);
                inner.waiting.take(id);
            }
        });
        let result = Arc::new(Mutex::new(None));
        let place = result.clone();
        self.inner.waiting.jobs.borrow_mut().insert(
            id,
            Box::new(move || {
                let result = result.lock().unwrap_or_else(PoisonError::into_inner).take();
                let outcome = match result {
                    Some(Ok(output)) => TaskOutput::into_outcome(output),
                    Some(Err(message)) => Err(Failure::Panicked(message)),
                    None => return,
                };
                // Cancelled, nobody would have called this.
                promise.fire(outcome);
            }),
        );
        let (remote, waiting) = (self.inner.remote.clone(), self.inner.waiting.key());
        let added = self.inner.threads.add(
            id,
            Box::new(move || {
                let output = catch_panic(job);
                *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(output);
                // The reactor has ended, and nobody waits.
                let _ = remote.call_from_thread(move |_| {
                    if let Some(deliver) = waiting.find().and_then(|waiting| waiting.take(id)) {
                        deliver();
                    }
                });
            }),
        );
        if let Err(error) = added {
            log::error!("no thread will do what was deferred to one: {error}");
            self.inner.waiting.take(id);
        }
        deferred
    }
}

impl Waiting {
    fn take(&self, id: u64) -> Option<Box<dyn FnOnce()>> {
        self.jobs.borrow_mut().remove(&id)
    }
}

impl Inner {
    fn end(&self) {
        self.threads.stop();
        let left = self.threads.join(PATIENCE);
        if left > 0 {
            log::warn!("{left} threads of the pool are still at work; they are not waited for");
        }
        let waiting = self.waiting.jobs.take();
        drop(waiting);
    }
}

impl Drop for Inner {
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
