use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::{Clock, DelayedCall};

use crate::{Deferred, IntoDeferred};

/// Calls `call` after `delay`, and promises what comes of it. Cancelled before, it is not called.
///
/// ```
/// use retwist_deferred::{Deferred, defer_later};
/// use retwist_reactor::testing::ManualClock;
/// use std::convert::Infallible;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let mut later = defer_later(&clock, Duration::from_secs(1), || Deferred::<_, Infallible>::succeed(7));
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
        move |_| {
            if let Some(timer) = timer.take() {
                // Gone only if it is what is happening just now.
                let _ = timer.cancel();
            }
        }
    });
    *timer.borrow_mut() = Some(clock.call_later(delay, move || {
        // Cancelled, this would not be called.
        promise.fire(Ok(()));
    }));
    deferred.add_callback(|()| call())
}
