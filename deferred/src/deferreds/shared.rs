use std::cell::{Cell, RefCell};
use std::mem;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use retwist_reactor::catch_panic;

use crate::{Failure, IntoBoxedError, Outcome, Promise};

/// What a [`Promise`] and a [`Deferred`](crate::Deferred) share: the outcome on its way from one to
/// the other.
///
/// A callback makes a second one of these, which waits for the first. What is evil here is length:
/// a chain of a million must neither fire nor be dropped by recursion. So a continuation never
/// fires the next one itself: it returns the [`Step`] that does, and [`run`] takes step after step.
/// And a chain is never dropped before it has fired: the last promise that goes fires it.
pub(crate) struct Shared<T: 'static, E: IntoBoxedError> {
    state: RefCell<State<T, E>>,
    canceller: Cell<Option<Canceller<T, E>>>,
    /// Whom to cancel instead: the one that this one waits for.
    upstream: RefCell<Option<Weak<dyn Cancel>>>,
    /// How many promises there are.
    pub(crate) promises: Cell<usize>,
    /// It was cancelled without the knowledge of whoever is to fire it, and that is no error, once.
    swallows: Cell<bool>,
    /// Nobody will ever ask for the outcome.
    pub(crate) detached: Cell<bool>,
}

type Canceller<T, E> = Box<dyn FnOnce(&Promise<T, E>)>;
type Continuation<T, E> = Box<dyn FnOnce(Outcome<T, E>) -> Option<Step>>;

enum State<T, E> {
    Waiting(Waiter<T, E>),
    Fired(Outcome<T, E>),
    /// The outcome has been handed on.
    Spent,
}

enum Waiter<T, E> {
    Nobody,
    Then(Continuation<T, E>),
    Task(Waker),
}

/// One continuation and its outcome, and then perhaps the next.
pub(crate) struct Step(Box<dyn FnOnce() -> Option<Step>>);

/// Takes steps until there are none.
pub(crate) fn run(mut step: Option<Step>) {
    while let Some(Step(call)) = step {
        step = call();
    }
}

/// Cancelling, whatever the types.
pub(crate) trait Cancel {
    /// Cancels, or says whom to cancel instead.
    fn cancel_or_pass(self: Rc<Self>) -> Option<Weak<dyn Cancel>>;
}

/// Cancels at the source of the chain.
pub(crate) fn cancel(last: Weak<dyn Cancel>) {
    let mut at = last.upgrade();
    while let Some(cancel) = at {
        at = cancel.cancel_or_pass().and_then(|next| next.upgrade());
    }
}

impl<T: 'static, E: IntoBoxedError> Shared<T, E> {
    fn with_state(state: State<T, E>, canceller: Option<Canceller<T, E>>) -> Rc<Self> {
        Rc::new(Shared {
            state: RefCell::new(state),
            canceller: Cell::new(canceller),
            upstream: RefCell::default(),
            promises: Cell::new(0),
            swallows: Cell::new(false),
            detached: Cell::new(false),
        })
    }

    pub(crate) fn waiting(canceller: Option<Canceller<T, E>>) -> Rc<Self> {
        Shared::with_state(State::Waiting(Waiter::Nobody), canceller)
    }

    pub(crate) fn from_outcome(outcome: Outcome<T, E>) -> Rc<Self> {
        Shared::with_state(State::Fired(outcome), None)
    }

    pub(crate) fn waits_for(&self, upstream: Weak<dyn Cancel>) {
        *self.upstream.borrow_mut() = Some(upstream);
    }

    pub(crate) fn is_waiting(&self) -> bool {
        matches!(&*self.state.borrow(), State::Waiting(_))
    }

    /// Fires, as a promise does; gives the outcome back if it has fired before.
    pub(crate) fn fire(&self, outcome: Outcome<T, E>) -> Result<(), Outcome<T, E>> {
        if !self.is_waiting() {
            return match self.swallows.take() {
                true => Ok(()),
                false => Err(outcome),
            };
        }
        self.canceller.take();
        run(self.resolve(outcome));
        Ok(())
    }

    /// Fires; the step to take next is the caller's.
    pub(crate) fn resolve(&self, outcome: Outcome<T, E>) -> Option<Step> {
        self.upstream.take();
        let state = mem::replace(&mut *self.state.borrow_mut(), State::Spent);
        match state {
            State::Waiting(Waiter::Then(then)) => Some(Step(Box::new(move || then(outcome)))),
            State::Waiting(waiter) => {
                *self.state.borrow_mut() = State::Fired(outcome);
                if let Waiter::Task(waker) = waiter {
                    waker.wake();
                }
                None
            }
            // Cancelled at this very place while its callback was running.
            state => {
                *self.state.borrow_mut() = state;
                None
            }
        }
    }

    /// The outcome goes to `then`: now, if it is there.
    pub(crate) fn then(&self, then: Continuation<T, E>) -> Option<Step> {
        if self.is_waiting() {
            *self.state.borrow_mut() = State::Waiting(Waiter::Then(then));
            return None;
        }
        let outcome = self.take().unwrap_or(Err(Failure::BrokenPromise));
        Some(Step(Box::new(move || then(outcome))))
    }

    /// The outcome, if it is there.
    pub(crate) fn take(&self) -> Option<Outcome<T, E>> {
        if self.is_waiting() {
            return None;
        }
        match mem::replace(&mut *self.state.borrow_mut(), State::Spent) {
            State::Fired(outcome) => Some(outcome),
            _ => Some(Err(Failure::BrokenPromise)),
        }
    }

    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Outcome<T, E>> {
        match self.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                let waker = context.waker().clone();
                let waiter = State::Waiting(Waiter::Task(waker));
                // The waker before it may be the last of its task: dropped with no borrow held.
                let before = mem::replace(&mut *self.state.borrow_mut(), waiter);
                drop(before);
                Poll::Pending
            }
        }
    }

    /// The consumer goes away; true if it leaves nobody behind who waits.
    pub(crate) fn detach(&self) -> bool {
        let heard = matches!(&*self.state.borrow(), State::Waiting(Waiter::Then(_)));
        self.detached.set(!heard);
        !heard
    }
}

impl<T: 'static, E: IntoBoxedError> Cancel for Shared<T, E> {
    fn cancel_or_pass(self: Rc<Self>) -> Option<Weak<dyn Cancel>> {
        if !self.is_waiting() {
            return None;
        }
        let upstream = self.upstream.borrow().clone();
        if upstream.is_some() {
            return upstream;
        }
        // Held to the end: the canceller may drop the last one of the others.
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
        if let State::Fired(Err(failure)) = mem::replace(self.state.get_mut(), State::Spent) {
            failure.log_unhandled();
        }
    }
}
