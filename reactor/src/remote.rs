use std::error::Error;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};

use mio::Waker;

use crate::ReactorHandle;
use crate::panic::log_panic;

/// The one part of a reactor that other threads may hold.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist_reactor::Reactor;
///
/// let reactor = Reactor::new()?;
/// let remote = reactor.remote();
/// std::thread::spawn(move || {
///     remote.call_from_thread(|reactor| {
///         let _ = reactor.stop();
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
    /// None once the reactor has ended.
    calls: Mutex<Option<Vec<Call>>>,
    /// Whether `calls` is worth a look; also, whether the loop has been woken already.
    pending: AtomicBool,
    waker: Waker,
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, Option<Vec<Call>>> {
        // No code of others runs under the lock, so there is nothing half done to fear.
        self.calls
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Remote {
    pub(crate) fn new(waker: Waker) -> Self {
        Remote {
            shared: Arc::new(Shared {
                calls: Mutex::new(Some(Vec::new())),
                pending: AtomicBool::new(false),
                waker,
            }),
        }
    }

    /// Has `call` called in the reactor's thread, in its next turn. Calls of one thread come in the
    /// order in which they were made. What they ask for comes in the turn after.
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

    /// Has the loop make another pass.
    pub(crate) fn wake(&self) {
        if let Err(error) = self.shared.waker.wake() {
            log::error!("the reactor cannot be woken from another thread: {error}");
        }
    }

    /// [`call_from_thread`](Remote::call_from_thread), and waits for what the call returns. From
    /// the reactor's own thread it would wait for ever.
    #[doc(alias = "blockingCallFromThread")]
    pub fn blocking_call_from_thread<R: Send + 'static>(
        &self,
        call: impl FnOnce(&ReactorHandle) -> R + Send + 'static,
    ) -> Result<R, ReactorGone> {
        let (sender, receiver) = mpsc::channel();
        self.call_from_thread(move |reactor| {
            // Nobody receives only if that thread has ended.
            let _ = sender.send(call(reactor));
        })?;
        receiver.recv().map_err(|_| ReactorGone)
    }

    /// Makes the calls that have come, in the reactor's thread.
    #[inline]
    pub(crate) fn run(&self, reactor: &ReactorHandle) {
        if self.is_pending() {
            self.run_pending(reactor);
        }
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

    /// The reactor ends: whoever calls from now on is told, and whoever waits too.
    pub(crate) fn close(&self) {
        let calls = self.shared.calls().take();
        drop(calls);
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remote")
    }
}

/// The reactor has ended; nothing will be called in it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReactorGone;

impl fmt::Display for ReactorGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reactor has ended")
    }
}

impl Error for ReactorGone {}
