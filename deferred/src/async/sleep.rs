use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use retwist_reactor::{Clock, DelayedCall};

/// Ends `delay` from now, in a later turn. Nothing is left on the clock when it is dropped.
pub fn sleep(clock: &Clock, delay: Duration) -> Sleep {
    let state = Rc::new(RefCell::new(State::Waiting(None)));
    let timer = clock.call_later(delay, {
        let state = state.clone();
        move || {
            let before = state.replace(State::Over);
            if let State::Waiting(Some(waker)) = before {
                waker.wake();
            }
        }
    });
    Sleep { timer, state }
}

/// The output of `future`, if it is there within `after`; otherwise the future is dropped. See
/// [`Deferred::timeout`] for a Deferred.
pub async fn timeout<F: Future>(
    clock: &Clock,
    after: Duration,
    future: F,
) -> Result<F::Output, TimedOut> {
    let mut future = Box::pin(future);
    let mut timer = sleep(clock, after);
    std::future::poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(&mut timer)
            .poll(context)
            .map(|()| Err(TimedOut(after)))
    })
    .await
}

/// A future that ends at a given time: see [`sleep`].
#[derive(Debug)]
pub struct Sleep {
    timer: DelayedCall,
    state: Rc<RefCell<State>>,
}

#[derive(Debug)]
enum State {
    Waiting(Option<Waker>),
    Over,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match &mut *self.state.borrow_mut() {
            State::Over => Poll::Ready(()),
            State::Waiting(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        // Gone if it is over.
        let _ = self.timer.cancel();
    }
}

/// What was waited for did not come within this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "TimeoutError")]
pub struct TimedOut(pub Duration);

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not done within {} s", self.0.as_secs_f64())
    }
}

impl Error for TimedOut {}
