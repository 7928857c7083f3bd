use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use retwist_reactor::{Clock, DelayedCall};

/// A future that ends after `delay`, in a later pass of the reactor. Dropping it takes the timer off
/// the clock.
pub fn sleep(clock: &Clock, delay: Duration) -> Sleep {
    let stage = Rc::new(RefCell::new(SleepStage::Waiting(None)));
    let timer = clock.call_later(delay, {
        let stage = stage.clone();
        move || {
            let before = stage.replace(SleepStage::Over);
            if let SleepStage::Waiting(Some(waker)) = before {
                waker.wake();
            }
        }
    });
    Sleep { timer, stage }
}

/// Waits for the output of `future`, and drops the future if there is none within `after`. See
/// [`Deferred::timeout`](crate::Deferred::timeout) for a Deferred.
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

/// The future that [`sleep`] returns.
#[derive(Debug)]
pub struct Sleep {
    timer: DelayedCall,
    stage: Rc<RefCell<SleepStage>>,
}

#[derive(Debug)]
enum SleepStage {
    Waiting(Option<Waker>),
    Over,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match &mut *self.stage.borrow_mut() {
            SleepStage::Over => Poll::Ready(()),
            SleepStage::Waiting(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.timer.cancel();
    }
}

/// A [`timeout`] ended first, after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "TimeoutError")]
pub struct TimedOut(pub Duration);

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not done within {} s", self.0.as_secs_f64())
    }
}

impl Error for TimedOut {}
