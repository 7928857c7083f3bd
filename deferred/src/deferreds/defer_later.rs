use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::{Clock, DelayedCall};

use crate::{Deferred, Failure, IntoBoxedError, IntoDeferred, Promise};

/// Calls `call` after `delay`, and promises its result. Cancelled before, `call` is not called.
///
/// Fails with [`Failure::ReactorEnded`] if the reactor ends before, or has ended.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::{Value, defer_later};
/// use retwist::testing::ManualClock;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let mut later = defer_later(&clock, Duration::from_secs(1), || Value(7));
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(later.take(), Some(Ok(7)));
/// ```
#[doc(alias = "deferLater")]
pub fn defer_later<R: IntoDeferred>(
    clock: &Clock,
    delay: Duration,
    call: impl FnOnce() -> R + 'static,
) -> Deferred<R::Value, R::Error> {
    let timer: Rc<RefCell<Option<DelayedCall>>> = Rc::default();
    let (promise, deferred) = Deferred::with_canceller({
        let timer = timer.clone();
        move |promise: &Promise<(), R::Error>| {
            promise.fire(Err(Failure::Cancelled));
            if let Some(timer) = timer.take() {
                timer.cancel();
            }
        }
    });
    let due = Due(promise);
    *timer.borrow_mut() = Some(clock.call_later(delay, move || due.fire()));
    deferred.add_callback(|()| call())
}

/// A promise that only the clock keeps: when the clock drops it uncalled, the reactor has ended.
struct Due<E: IntoBoxedError>(Promise<(), E>);

impl<E: IntoBoxedError> Due<E> {
    fn fire(self) {
        self.0.fire(Ok(()));
    }
}

impl<E: IntoBoxedError> Drop for Due<E> {
    fn drop(&mut self) {
        self.0.fire(Err(Failure::ReactorEnded));
    }
}
