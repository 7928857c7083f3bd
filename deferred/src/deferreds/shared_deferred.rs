use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem;
use std::rc::Rc;

use super::waiters::Waiters;
use crate::{Canceller, Deferred, Failure, IntoBoxedError, Outcome};

/// One outcome for several waiters: each [`wait`](SharedDeferred::wait) is a Deferred that gets a
/// clone of it.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::Deferred;
///
/// let (promise, answer) = Deferred::<u8, &str>::new();
/// let answer = answer.share();
/// let (mut first, mut second) = (answer.wait(), answer.wait());
/// promise.callback(42);
/// assert_eq!(first.take(), Some(Ok(42)));
/// assert_eq!(second.take(), Some(Ok(42)));
/// assert_eq!(answer.wait().take(), Some(Ok(42)));
/// ```
///
/// Waiters hear the outcome in the order in which they came. Cancelling one of them concerns that
/// one alone; [`cancel`](SharedDeferred::cancel) ends the work. Values and errors that cannot be
/// cloned go into an [`Rc`] first: `deferred.map(Rc::new).map_err(Arc::new).share()`.
///
/// A cheap handle: clones are the same outcome. The work goes on without handles.
pub struct SharedDeferred<T: Clone + 'static, E: IntoBoxedError + Clone> {
    shared: Rc<SharedOutcome<T, E>>,
    canceller: Canceller,
}

struct SharedOutcome<T: Clone + 'static, E: IntoBoxedError + Clone> {
    waiting: Waiters<T, E>,
    outcome: RefCell<Option<Outcome<T, E>>>,
    /// A waiter has got the outcome, so that a failure is handled there.
    heard: Cell<bool>,
}

impl<T: Clone + 'static, E: IntoBoxedError + Clone> Deferred<T, E> {
    /// Makes one outcome for several waiters.
    pub fn share(self) -> SharedDeferred<T, E> {
        let canceller = self.canceller();
        let shared = Rc::new(SharedOutcome {
            waiting: Waiters::default(),
            outcome: RefCell::default(),
            heard: Cell::new(false),
        });
        let to = shared.clone();
        self.done(move |outcome| to.fire(outcome));
        SharedDeferred { shared, canceller }
    }
}

impl<T: Clone + 'static, E: IntoBoxedError + Clone> SharedDeferred<T, E> {
    /// One more waiter: gets the outcome when it comes, or at once if it is there.
    pub fn wait(&self) -> Deferred<T, E> {
        match self.outcome() {
            Some(outcome) => {
                self.shared.heard.set(true);
                Deferred::from_outcome(outcome)
            }
            None => self.shared.waiting.wait(()),
        }
    }

    /// The outcome, if it is there.
    pub fn outcome(&self) -> Option<Outcome<T, E>> {
        self.shared.outcome.borrow().clone()
    }

    /// Cancels the work, as [`Deferred::cancel`]: all waiters hear of it.
    pub fn cancel(&self) {
        self.canceller.cancel();
    }
}

impl<T: Clone + 'static, E: IntoBoxedError + Clone> SharedOutcome<T, E> {
    fn fire(&self, outcome: Outcome<T, E>) {
        *self.outcome.borrow_mut() = Some(outcome.clone());
        while let Some(waiter) = self.waiting.next() {
            self.heard.set(true);
            waiter.fire(outcome.clone());
        }
    }
}

impl<T: Clone + 'static, E: IntoBoxedError + Clone> Drop for SharedOutcome<T, E> {
    fn drop(&mut self) {
        if let Some(Err(failure)) = mem::take(self.outcome.get_mut())
            && !self.heard.get()
        {
            Failure::log_unhandled(failure);
        }
    }
}

impl<T: Clone + 'static, E: IntoBoxedError + Clone> Clone for SharedDeferred<T, E> {
    fn clone(&self) -> Self {
        SharedDeferred {
            shared: self.shared.clone(),
            canceller: self.canceller.clone(),
        }
    }
}

impl<T: Clone + 'static, E: IntoBoxedError + Clone> fmt::Debug for SharedDeferred<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedDeferred")
            .field("called", &self.shared.outcome.borrow().is_some())
            .field("waiting", &self.shared.waiting.len())
            .finish()
    }
}
