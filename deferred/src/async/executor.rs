use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use retwist_reactor::{Clock, FullReactor, Phase, Remote, SystemEvent, Threads, catch_panic};

use super::ready_list::{ReadyList, TaskWaker};
use crate::threads::ThreadLocalCell;
use crate::{Deferred, Failure, Promise, TaskOutput};

/// Runs futures on a reactor, in the reactor's thread, so that they need not be [`Send`].
///
/// The executor owns its tasks. When it is dropped, or when the reactor shuts down, it drops all
/// tasks that have not finished; their Deferreds fail with [`Failure::BrokenPromise`] or
/// [`Failure::ReactorEnded`]. Other code gets a [`Spawner`], to which this dereferences.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist::deferred::{Executor, sleep};
/// use retwist::Reactor;
/// use std::time::Duration;
///
/// let reactor = Reactor::new()?;
/// let executor = Executor::new(&reactor);
/// let (clock, handle) = (reactor.clock().clone(), reactor.handle());
/// executor.spawn(async move {
///     sleep(&clock, Duration::from_millis(5)).await;
///     handle.stop()
/// });
/// reactor.run()?;
/// # Ok(()) }
/// ```
pub struct Executor {
    tasks: ThreadLocalCell<Tasks>,
    spawner: Spawner,
}

/// Spawns futures on an [`Executor`]. A weak handle, which is cheap to clone.
#[derive(Clone)]
pub struct Spawner {
    tasks: Weak<Tasks>,
}

impl Executor {
    /// An executor on this reactor. Its wakers work in any thread. Its tasks end with the reactor:
    /// after the connections have been closed, and before the triggers of [`Phase::After`].
    ///
    /// A reactor without threads, such as a
    /// [`MemoryReactor`](retwist_reactor::testing::MemoryReactor), has no thread that could wake a task.
    pub fn new(reactor: &dyn FullReactor) -> Self {
        let remote = match reactor.threads() {
            Threads::System(remote) => Some(remote),
            Threads::Simulated(_) => None,
        };
        let executor = Executor::with_remote(&reactor.time(), remote);
        let tasks = executor.spawner.tasks.clone();
        reactor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, move |_| {
            if let Some(tasks) = tasks.upgrade() {
                tasks.end(End::OfReactor);
            }
        });
        executor
    }

    /// An executor on a clock alone, for tests. A task that another thread wakes is polled when the
    /// next task is woken in this thread.
    pub fn on_clock(clock: &Clock) -> Self {
        Executor::with_remote(clock, None)
    }

    fn with_remote(clock: &Clock, remote: Option<Remote>) -> Self {
        let tasks = ThreadLocalCell::new(|ticket, me| Tasks {
            me: me.clone(),
            clock: clock.clone(),
            ready_list: Arc::new(ReadyList::new(ticket, remote)),
            tasks: RefCell::default(),
            next: Cell::new(0),
            scheduled: Cell::new(false),
            ended: Cell::new(false),
        });
        let spawner = Spawner {
            tasks: Rc::downgrade(&tasks),
        };
        Executor { tasks, spawner }
    }

    /// The handle for other code.
    pub fn spawner(&self) -> Spawner {
        self.spawner.clone()
    }

    /// The number of tasks that have not finished.
    pub fn running_tasks(&self) -> usize {
        self.tasks.tasks.borrow().len()
    }
}

impl Deref for Executor {
    type Target = Spawner;

    fn deref(&self) -> &Spawner {
        &self.spawner
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.tasks.end(End::OfExecutor);
    }
}

impl Spawner {
    /// Runs `future`, beginning at the end of this pass, and promises its output: a [`Result`],
    /// nothing, or a [`Value`](crate::Value). The output of a future that returns
    /// `Result<T, Failure<E>>`, because it waits for Deferreds, is
    /// [flattened](Deferred::flatten): `spawner.spawn(future).flatten()`.
    ///
    /// Cancelling the Deferred drops the future where it stands; dropping the Deferred lets the
    /// future run. A panic in it is [`Failure::Panicked`]. After the end of the reactor or of the
    /// executor, the future is dropped, and the Deferred fails with [`Failure::ReactorEnded`] or
    /// [`Failure::BrokenPromise`].
    #[doc(alias = "ensureDeferred")]
    #[doc(alias = "fromCoroutine")]
    #[doc(alias = "inlineCallbacks")]
    pub fn spawn<F>(
        &self,
        future: F,
    ) -> Deferred<<F::Output as TaskOutput>::Value, <F::Output as TaskOutput>::Error>
    where
        F: Future<Output: TaskOutput> + 'static,
    {
        let Some(tasks) = self.tasks.upgrade() else {
            return Deferred::from_outcome(Err(Failure::BrokenPromise));
        };
        if tasks.ended.get() {
            return Deferred::from_outcome(Err(Failure::ReactorEnded));
        }
        let id = tasks.next.replace(tasks.next.get() + 1);
        let home = self.tasks.clone();
        let (promise, deferred) = Deferred::with_canceller(move |_| {
            if let Some(tasks) = home.upgrade() {
                tasks.remove(id);
            }
        });
        tasks.add(
            id,
            Box::new(Running {
                future: Box::pin(future),
                promise,
            }),
        );
        deferred
    }
}

/// The tasks of an executor.
pub(crate) struct Tasks {
    me: Weak<Tasks>,
    clock: Clock,
    ready_list: Arc<ReadyList>,
    /// A task that is being polled is `None`.
    tasks: RefCell<HashMap<u64, Option<Task>>>,
    next: Cell<u64>,
    /// `poll_ready` is due at the end of this pass.
    scheduled: Cell<bool>,
    ended: Cell<bool>,
}

/// Why an executor drops its tasks.
enum End {
    OfReactor,
    OfExecutor,
}

struct Task {
    work: Box<dyn Work>,
    waker: Arc<TaskWaker>,
}

impl Tasks {
    /// A task was woken.
    pub(super) fn schedule(&self) {
        if self.scheduled.replace(true) {
            return;
        }
        let me = self.me.clone();
        self.clock.call_soon(move || {
            if let Some(tasks) = me.upgrade() {
                tasks.poll_ready();
            }
        });
    }

    /// Polls each task that was woken, once.
    fn poll_ready(&self) {
        self.scheduled.set(false);
        for id in self.ready_list.take() {
            let task = self.tasks.borrow_mut().get_mut(&id).and_then(Option::take);
            let Some(mut task) = task else { continue };
            task.waker.begin_poll();
            let waker = Waker::from(task.waker.clone());
            if task.work.is_done(&mut Context::from_waker(&waker)) {
                self.remove(id);
            } else if let Some(place) = self.tasks.borrow_mut().get_mut(&id) {
                *place = Some(task);
                continue;
            }
            discard(task);
        }
    }

    fn add(&self, id: u64, work: Box<dyn Work>) {
        let waker = TaskWaker::new(id, &self.ready_list);
        let task = Task {
            work,
            waker: waker.clone(),
        };
        self.tasks.borrow_mut().insert(id, Some(task));
        waker.wake();
    }

    fn remove(&self, id: u64) {
        let task = self.tasks.borrow_mut().remove(&id);
        task.flatten().into_iter().for_each(discard);
    }

    /// Drops all tasks.
    fn end(&self, why: End) {
        self.ended.set(true);
        let tasks = mem::take(&mut *self.tasks.borrow_mut());
        for task in tasks.into_values().flatten() {
            match why {
                End::OfReactor => task.work.fail_with_reactor(),
                End::OfExecutor => discard(task.work),
            }
        }
    }
}

/// Drops a task, with no borrow held, because the future may do anything then. A panic is logged.
fn discard<W>(work: W) {
    if let Err(message) = catch_panic(|| drop(work)) {
        log::error!("a future panicked while it was dropped: {message}");
    }
}

/// A task, whatever its type.
trait Work {
    /// Polls the future. Returns true, and has fired the promise, if it has finished.
    fn is_done(&mut self, context: &mut Context<'_>) -> bool;

    /// Drops the future, and fires with [`Failure::ReactorEnded`].
    fn fail_with_reactor(self: Box<Self>);
}

struct Running<F: Future<Output: TaskOutput>> {
    future: Pin<Box<F>>,
    promise: Promise<<F::Output as TaskOutput>::Value, <F::Output as TaskOutput>::Error>,
}

impl<F: Future<Output: TaskOutput>> Work for Running<F> {
    fn is_done(&mut self, context: &mut Context<'_>) -> bool {
        let outcome = match catch_panic(|| self.future.as_mut().poll(context)) {
            Ok(Poll::Pending) => return false,
            Ok(Poll::Ready(output)) => output.into_outcome(),
            Err(message) => Err(Failure::Panicked(message)),
        };
        self.promise.fire(outcome);
        true
    }

    fn fail_with_reactor(self: Box<Self>) {
        let Running { future, promise } = *self;
        discard(future);
        promise.fire(Err(Failure::ReactorEnded));
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("tasks", &self.running_tasks())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spawner")
    }
}
