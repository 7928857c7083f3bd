use std::cell::{Cell, RefCell};
use std::mem;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use retwist_reactor::catch_panic;

use crate::{Failure, IntoBoxedError, Outcome, Promise};

/// The state that a [`Promise`] and a [`Deferred`](crate::Deferred) share: the outcome on its way
/// from one to the other.
///
/// Each callback makes another `Shared`, which waits for the one before. The evil here is length: a
/// chain of a million must neither fire nor be dropped by recursion. So:
///
/// - A continuation does not fire the next `Shared` itself. It returns the [`Step`] that does, and
///   [`run`] takes step after step.
/// - A chain fires before it is dropped: the last promise to go fires it.
///
/// | state | promise fires | callback is added | Deferred is polled | outcome is taken |
/// |---|---|---|---|---|
/// | `Waiting(Unheard)` | `Fired` | `Waiting(Then)` | `Waiting(Task)` | no change |
/// | `Waiting(Then)` | `Spent`, one step | | | |
/// | `Waiting(Task)` | `Fired`, wakes | `Waiting(Then)` | `Waiting(Task)` | no change |
/// | `Fired` | refused | `Spent`, one step | `Spent` | `Spent` |
/// | `Spent` | refused | broken promise | broken promise | broken promise |
pub(crate) struct Shared<T: 'static, E: IntoBoxedError> {
    state: RefCell<Progress<T, E>>,
    canceller: Cell<Option<CancelFn<T, E>>>,
    /// The one that this one waits for, which is cancelled in its place.
    upstream: RefCell<Option<Weak<dyn Cancel>>>,
    /// The number of promises.
    pub(crate) promises: Cell<usize>,
    /// It was cancelled without a canceller, so the promise does not know: its next call is no
    /// mistake.
    swallows: Cell<bool>,
    /// The Deferred was dropped without a callback: no code will ask for the outcome.
    pub(crate) detached: Cell<bool>,
}

type CancelFn<T, E> = Box<dyn FnOnce(&Promise<T, E>)>;
type Continuation<T, E> = Box<dyn FnOnce(Outcome<T, E>) -> Option<Step>>;

enum Progress<T, E> {
    Waiting(Waiter<T, E>),
    Fired(Outcome<T, E>),
    /// The outcome has been handed on.
    Spent,
}

enum Waiter<T, E> {
    Unheard,
    Then(Continuation<T, E>),
    Task(Waker),
}

/// One continuation with its outcome. Returns the next step, if there is one.
pub(crate) struct Step(Box<dyn FnOnce() -> Option<Step>>);

/// Takes steps until there are no more.
pub(crate) fn run(mut step: Option<Step>) {
    while let Some(Step(call)) = step {
        step = call();
    }
}

/// Cancels, whatever the types of the value and the error.
pub(crate) trait Cancel {
    /// Cancels this one, or returns the one to cancel in its place.
    fn cancel_or_pass(self: Rc<Self>) -> Option<Weak<dyn Cancel>>;

    fn is_waiting(&self) -> bool;
}

/// Cancels the work that the chain waits for.
pub(crate) fn cancel(last: Weak<dyn Cancel>) {
    let mut at = last.upgrade();
    while let Some(cancel) = at {
        at = cancel.cancel_or_pass().and_then(|next| next.upgrade());
    }
}

impl<T: 'static, E: IntoBoxedError> Shared<T, E> {
    fn with_state(state: Progress<T, E>, canceller: Option<CancelFn<T, E>>) -> Rc<Self> {
        Rc::new(Shared {
            state: RefCell::new(state),
            canceller: Cell::new(canceller),
            upstream: RefCell::default(),
            promises: Cell::new(0),
            swallows: Cell::new(false),
            detached: Cell::new(false),
        })
    }

    pub(crate) fn waiting(canceller: Option<CancelFn<T, E>>) -> Rc<Self> {
        Shared::with_state(Progress::Waiting(Waiter::Unheard), canceller)
    }

    pub(crate) fn from_outcome(outcome: Outcome<T, E>) -> Rc<Self> {
        Shared::with_state(Progress::Fired(outcome), None)
    }

    pub(crate) fn waits_for(&self, upstream: Weak<dyn Cancel>) {
        *self.upstream.borrow_mut() = Some(upstream);
    }

    pub(crate) fn is_waiting(&self) -> bool {
        matches!(&*self.state.borrow(), Progress::Waiting(_))
    }

    /// Fires and takes all steps that follow. Gives the outcome back if it has fired before.
    pub(crate) fn fire(&self, outcome: Outcome<T, E>) -> Result<(), Outcome<T, E>> {
        if !self.is_waiting() {
            return if self.swallows.take() {
                Ok(())
            } else {
                Err(outcome)
            };
        }
        self.canceller.take();
        run(self.resolve(outcome));
        Ok(())
    }

    /// Fires, and leaves the next step to the caller.
    pub(crate) fn resolve(&self, outcome: Outcome<T, E>) -> Option<Step> {
        self.upstream.take();
        let state = mem::replace(&mut *self.state.borrow_mut(), Progress::Spent);
        match state {
            Progress::Waiting(Waiter::Then(then)) => Some(Step(Box::new(move || then(outcome)))),
            Progress::Waiting(waiter) => {
                *self.state.borrow_mut() = Progress::Fired(outcome);
                if let Waiter::Task(waker) = waiter {
                    waker.wake();
                }
                None
            }
            // Cancelled here while its callback was running.
            state => {
                *self.state.borrow_mut() = state;
                None
            }
        }
    }

    /// Hands the outcome to `then`: with the step that is returned, if it is there already.
    pub(crate) fn then(&self, then: Continuation<T, E>) -> Option<Step> {
        if self.is_waiting() {
            *self.state.borrow_mut() = Progress::Waiting(Waiter::Then(then));
            return None;
        }
        let outcome = self.take().unwrap_or(Err(Failure::BrokenPromise));
        Some(Step(Box::new(move || then(outcome))))
    }

    /// Takes the outcome, if it is there.
    pub(crate) fn take(&self) -> Option<Outcome<T, E>> {
        if self.is_waiting() {
            return None;
        }
        match mem::replace(&mut *self.state.borrow_mut(), Progress::Spent) {
            Progress::Fired(outcome) => Some(outcome),
            _ => Some(Err(Failure::BrokenPromise)),
        }
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Outcome<T, E>> {
        match self.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                let waker = context.waker().clone();
                let waiter = Progress::Waiting(Waiter::Task(waker));
                // The waker before may be the last one of its task: drop it with no borrow held.
                let before = mem::replace(&mut *self.state.borrow_mut(), waiter);
                drop(before);
                Poll::Pending
            }
        }
    }

    /// The Deferred is dropped. Returns true if it has no callback.
    pub(crate) fn detach(&self) -> bool {
        let heard = matches!(&*self.state.borrow(), Progress::Waiting(Waiter::Then(_)));
        self.detached.set(!heard);
        !heard
    }
}

impl<T: 'static, E: IntoBoxedError> Cancel for Shared<T, E> {
    fn is_waiting(&self) -> bool {
        self.is_waiting()
    }

    fn cancel_or_pass(self: Rc<Self>) -> Option<Weak<dyn Cancel>> {
        if !self.is_waiting() {
            return None;
        }
        let upstream = self.upstream.borrow().clone();
        if upstream.is_some() {
            return upstream;
        }
        // Kept to the end: the canceller may drop the last of the others.
        let promise = Promise::of(&self);
        let cancelled = match self.canceller.take() {
            Some(canceller) => catch_panic(|| canceller(&promise)),
            None => {
                self.swallows.set(true);
                Ok(())
            }
        };
        if self.is_waiting() {
            let failure = cancelled.map_or_else(Failure::Panicked, |()| Failure::Cancelled);
            run(self.resolve(Err(failure)));
        }
        None
    }
}

impl<T: 'static, E: IntoBoxedError> Drop for Shared<T, E> {
    fn drop(&mut self) {
        if let Progress::Fired(Err(failure)) = mem::replace(self.state.get_mut(), Progress::Spent) {
            failure.log_unhandled();
        }
    }
}
