use std::error::Error;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread::{self, ThreadId};

use mio::Waker;

use crate::ReactorHandle;
use crate::core::load::Load;
use crate::values::panic::{catch_panic, log_panic};

/// The one part of a reactor that other threads may hold.
///
/// ```
/// # use retwist_reactor as retwist;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist::Reactor;
///
/// let reactor = Reactor::new()?;
/// let remote = reactor.remote();
/// std::thread::spawn(move || {
///     remote.call_from_thread(|reactor| {
///         reactor.stop();
///     })
/// });
/// reactor.run()?;
/// # Ok(()) }
/// ```
#[doc(alias = "IReactorFromThreads")]
#[derive(Clone)]
pub struct Remote {
    shared: Arc<Shared>,
}

type Call = Box<dyn FnOnce(&ReactorHandle) + Send>;

struct Shared {
    /// `None` once the reactor has ended.
    calls: Mutex<Option<Vec<Call>>>,
    /// Whether `calls` is worth a look; also, whether the loop has been woken already.
    pending: AtomicBool,
    waker: Waker,
    load: Load,
    avoided: AtomicBool,
    /// The reactor's own, which it never leaves.
    thread: ThreadId,
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, Option<Vec<Call>>> {
        // No code of the application runs under the lock, so a panic leaves nothing half done.
        self.calls
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Remote {
    pub(crate) fn new(waker: Waker, load: Load) -> Self {
        Remote {
            shared: Arc::new(Shared {
                calls: Mutex::new(Some(Vec::new())),
                pending: AtomicBool::new(false),
                waker,
                load,
                avoided: AtomicBool::new(false),
                thread: thread::current().id(),
            }),
        }
    }

    /// Calls `call` in the reactor's thread, in its next turn. Calls of one thread come in the order in
    /// which they were made. What they ask for comes in the turn after. A panic in `call` is logged,
    /// and has no further effect.
    ///
    /// It ends the pass of the loop that is under way, wherever it is called from: so `iterate`
    /// returns when a call has come.
    #[doc(alias = "callFromThread")]
    pub fn call_from_thread(
        &self,
        call: impl FnOnce(&ReactorHandle) + Send + 'static,
    ) -> Result<(), ReactorGone> {
        self.shared
            .calls()
            .as_mut()
            .ok_or(ReactorGone)?
            .push(Box::new(call));
        if !self.shared.pending.swap(true, Ordering::AcqRel) {
            self.wake();
        }
        Ok(())
    }

    /// Ends the pass of the loop that is under way, or the next one if there is none: its poll does
    /// not sleep. From any thread, the reactor's own among them. For a loop around
    /// [`iterate`](crate::Reactor::iterate) that is to look at something else.
    #[doc(alias = "wakeUp")]
    pub fn wake(&self) {
        if let Err(error) = self.shared.waker.wake() {
            log::error!("the reactor cannot be woken from another thread: {error}");
        }
    }

    /// [`call_from_thread`](Remote::call_from_thread), and waits for what the call returns. The
    /// reactor's own thread would wait for itself, so there it fails, and the call is not made.
    #[doc(alias = "blockingCallFromThread")]
    pub fn blocking_call_from_thread<R: Send + 'static>(
        &self,
        call: impl FnOnce(&ReactorHandle) -> R + Send + 'static,
    ) -> Result<R, CallFromThreadError> {
        if thread::current().id() == self.shared.thread {
            return Err(CallFromThreadError::OwnThread);
        }
        let (sender, receiver) = mpsc::channel();
        self.call_from_thread(move |reactor| {
            // The receiver waits, unless its thread has ended.
            let _ = sender.send(catch_panic(|| call(reactor)));
        })?;
        let outcome = receiver.recv().map_err(|_| ReactorGone)?;
        outcome.map_err(CallFromThreadError::Panicked)
    }

    /// How many connections and child processes the reactor serves just now: those that a
    /// [drain](ReactorHandle::drain) waits for. By this another thread knows how busy it is.
    pub fn served(&self) -> usize {
        self.shared.load.get()
    }

    /// Whether the reactor is left out where connections are shared out among several: by ports that are
    /// [balanced](crate::TcpListen::balanced), and among workers. For one that does not turn, say; what it
    /// serves is not touched. Default false.
    pub fn avoid(&self, avoid: bool) {
        self.shared.avoided.store(avoid, Ordering::Relaxed);
    }

    pub(crate) fn is_avoided(&self) -> bool {
        self.shared.avoided.load(Ordering::Relaxed)
    }

    /// Whether both are of the same reactor.
    #[cfg(unix)]
    pub(crate) fn is(&self, other: &Remote) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Makes the calls that have come, in the reactor's thread. Returns false if none had come.
    #[inline]
    pub(crate) fn run(&self, reactor: &ReactorHandle) -> bool {
        let pending = self.is_pending();
        if pending {
            self.run_pending(reactor);
        }
        pending
    }

    #[cold]
    fn run_pending(&self, reactor: &ReactorHandle) {
        self.shared.pending.store(false, Ordering::Release);
        let calls = match self.shared.calls().as_mut() {
            Some(calls) => mem::take(calls),
            None => return,
        };
        for call in calls {
            log_panic("a call from another thread", || call(reactor));
        }
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.shared.pending.load(Ordering::Acquire)
    }

    /// The reactor ends: calls from now on, and those that wait for an outcome, return
    /// [`ReactorGone`].
    pub(crate) fn close(&self) {
        let calls = self.shared.calls().take();
        for call in calls.into_iter().flatten() {
            log_panic("the drop of a call from another thread", || drop(call));
        }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remote")
    }
}

/// The reactor has ended, and makes no further call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReactorGone;

impl fmt::Display for ReactorGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reactor has ended")
    }
}

impl Error for ReactorGone {}

/// The reason why [`Remote::blocking_call_from_thread`] returns nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallFromThreadError {
    /// The reactor has ended, before the call was made or while it was made.
    ReactorGone,
    /// The thread is the reactor's own: waiting for itself, it would never return.
    OwnThread,
    /// The call panicked, with this message.
    Panicked(Arc<str>),
}

impl From<ReactorGone> for CallFromThreadError {
    fn from(_: ReactorGone) -> Self {
        CallFromThreadError::ReactorGone
    }
}

impl fmt::Display for CallFromThreadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallFromThreadError::ReactorGone => ReactorGone.fmt(f),
            CallFromThreadError::OwnThread => f.write_str(
                "the reactor's own thread cannot wait for the reactor; call the function, or use call_soon",
            ),
            CallFromThreadError::Panicked(message) => {
                write!(f, "the call in the reactor's thread panicked: {message}")
            }
        }
    }
}

impl Error for CallFromThreadError {}
