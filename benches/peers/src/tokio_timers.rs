//! What a timer of tokio costs: a `Sleep` in a box, polled once so that it is pending.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use retwist_benches::args::{Args, Result};
use retwist_benches::timers::{MINUTE, Measurement, SOME, Scatter};
use tokio::runtime::Runtime;
use tokio::time::{self, Instant, Sleep};

type Pending = Pin<Box<Sleep>>;

/// What is called when a timer fires.
#[derive(Default)]
struct Fired(AtomicUsize);

impl Wake for Fired {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// On a clock that stands still, and is moved by hand.
pub fn run(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    let entered = runtime.enter();
    let measured = match args.operation.as_str() {
        "insert-cancel" => insert_and_cancel(args)?,
        "reset" => reset(args)?,
        "fire" => fire(args, &runtime)?,
        other => return Err(format!("there is no operation {other:?}").into()),
    };
    drop(entered);
    measured.print();
    Ok(())
}

fn insert_and_cancel(args: &Args) -> Result<Measurement> {
    let waker = Waker::from(Arc::<Fired>::default());
    let _others = pending(args.pending, &waker);
    let delays = Scatter::new().delays(SOME);
    Measurement::of(args.times, |at| {
        drop(insert(delays[at % SOME], &waker));
        Ok(())
    })
}

fn reset(args: &Args) -> Result<Measurement> {
    let waker = Waker::from(Arc::<Fired>::default());
    let mut sleeps = pending(args.pending, &waker);
    Scatter::new().shuffle(&mut sleeps);
    let count = sleeps.len();
    Measurement::of(args.times, |at| {
        sleeps[at % count]
            .as_mut()
            .reset(Instant::now() + 2 * MINUTE);
        Ok(())
    })
}

/// A second at a time.
fn fire(args: &Args, runtime: &Runtime) -> Result<Measurement> {
    let fired = Arc::<Fired>::default();
    let _sleeps = pending(args.pending, &Waker::from(fired.clone()));
    let measured = Measurement::of(61, |_| {
        runtime.block_on(time::advance(Duration::from_secs(1)));
        Ok(())
    })?;
    if fired.0.load(Ordering::Relaxed) == args.pending {
        Ok(measured.of_each(args.pending))
    } else {
        Err("not all that was due has fired".into())
    }
}

fn pending(count: usize, waker: &Waker) -> Vec<Pending> {
    let mut delays = Scatter::new();
    (0..count)
        .map(|_| insert(delays.within(MINUTE), waker))
        .collect()
}

fn insert(delay: Duration, waker: &Waker) -> Pending {
    let mut sleep = Box::pin(time::sleep(delay));
    let polled = sleep.as_mut().poll(&mut Context::from_waker(waker));
    debug_assert!(polled.is_pending());
    sleep
}
