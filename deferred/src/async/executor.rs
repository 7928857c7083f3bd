use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::ops::Deref;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use retwist_reactor::{Clock, Phase, ReactorHandle, Remote, SystemEvent, catch_panic};

use super::ready_list::{ReadyList, TaskWaker};
use crate::threads::ThreadLocalCell;
use crate::{Deferred, Failure, Promise, TaskOutput};

/// Runs futures on a reactor, in its thread, so that they need not be [`Send`].
///
/// It owns its tasks: when it is dropped, and when the reactor shuts down, those that have not
/// finished are dropped. What code outside `main` needs is a [`Spawner`], to which this
/// dereferences.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist_deferred::{Executor, sleep};
/// use retwist_reactor::Reactor;
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

/// Spawns futures on an [`Executor`]. A weak handle, cheap to clone.
#[derive(Clone)]
pub struct Spawner {
    tasks: Weak<Tasks>,
}

impl Executor {
    /// An executor on this reactor. Its wakers work from any thread. Its tasks end with the
    /// reactor: once the connections have been closed, and before what is called
    /// [`After`](Phase::After) shutdown.
    pub fn new(reactor: &ReactorHandle) -> Self {
        let executor = Executor::with_remote(reactor.clock(), Some(reactor.remote()));
        let tasks = executor.spawner.tasks.clone();
        reactor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, move |_| {
            if let Some(tasks) = tasks.upgrade() {
                tasks.end();
            }
        });
        executor
    }

    /// An executor on a clock alone, for tests. What another thread wakes has its turn when
    /// something here is woken next.
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
            turn: Cell::new(false),
            ended: Cell::new(false),
        });
        let spawner = Spawner {
            tasks: Rc::downgrade(&tasks),
        };
        Executor { tasks, spawner }
    }

    /// The handle that other code keeps.
    pub fn spawner(&self) -> Spawner {
        self.spawner.clone()
    }

    /// How many tasks have not finished.
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
        self.tasks.end();
    }
}

impl Spawner {
    /// Runs `future`, from this turn's end on, and promises its output. The future returns a
    /// [`Result`], or nothing.
    ///
    /// Cancelling the Deferred drops the future where it stands; dropping the Deferred lets it run.
    /// A panic in it is [`Failure::Panicked`]. Where the executor has ended, the future is dropped,
    /// and abandoned.
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
        let Some(tasks) = self.tasks.upgrade().filter(|tasks| !tasks.ended.get()) else {
            return Deferred::from_outcome(Err(Failure::BrokenPromise));
        };
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
    /// None where it is being polled.
    tasks: RefCell<HashMap<u64, Option<Task>>>,
    next: Cell<u64>,
    /// A turn has been asked for.
    turn: Cell<bool>,
    ended: Cell<bool>,
}

struct Task {
    work: Box<dyn Work>,
    woken: Arc<TaskWaker>,
}

impl Tasks {
    /// Somebody was woken.
    pub(crate) fn wants_turn(&self) {
        if self.turn.replace(true) {
            return;
        }
        let me = self.me.clone();
        self.clock.call_soon(move || {
            if let Some(tasks) = me.upgrade() {
                tasks.turn();
            }
        });
    }

    /// Polls each task that was woken, once.
    fn turn(&self) {
        self.turn.set(false);
        for id in self.ready_list.take_ready() {
            let task = self.tasks.borrow_mut().get_mut(&id).and_then(Option::take);
            let Some(mut task) = task else { continue };
            task.woken.begin_turn();
            let waker = Waker::from(task.woken.clone());
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
        let woken = TaskWaker::new(id, &self.ready_list);
        let task = Task {
            work,
            woken: woken.clone(),
        };
        self.tasks.borrow_mut().insert(id, Some(task));
        woken.wake();
    }

    fn remove(&self, id: u64) {
        let task = self.tasks.borrow_mut().remove(&id);
        task.flatten().into_iter().for_each(discard);
    }

    fn end(&self) {
        self.ended.set(true);
        let tasks = mem::take(&mut *self.tasks.borrow_mut());
        tasks.into_values().flatten().for_each(discard);
    }
}

/// Drops a task, with no borrow held: what its future does then is its own affair, and so is a
/// panic.
fn discard(task: Task) {
    if let Err(message) = catch_panic(|| drop(task)) {
        log::error!("a future has panicked when it was dropped: {message}");
    }
}

/// A task, whatever its type.
trait Work {
    /// Polls it, and delivers what comes of it.
    fn is_done(&mut self, context: &mut Context<'_>) -> bool;
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
        // Cancelled from within, it has one already.
        self.promise.fire(outcome);
        true
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
