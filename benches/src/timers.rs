//! What a timer costs, through the public API and with a callback in a box, beside many others that
//! are pending.
//!
//! Prints one figure: nanoseconds for each of `--times`. The peers measure theirs in the same way
//! with [`Measurement`].

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use retwist_reactor::testing::ManualClock;
use retwist_reactor::{Clock, DelayedCall, Reactor};

use crate::args::{Args, Result};

/// The deadlines of those that are pending lie within the next minute.
pub const MINUTE: Duration = Duration::from_secs(60);
/// Or within this, where time really passes.
const FIRE_WITHIN: Duration = Duration::from_secs(1);
/// Delays that were drawn before, so that drawing them is not measured.
pub const SOME: usize = 4096;

pub fn run(args: &Args) -> Result<()> {
    let measured = match args.operation.as_str() {
        "insert-cancel" => insert_and_cancel(args)?,
        "reset" => reset(args)?,
        "fire" => fire(args)?,
        other => return Err(format!("there is no operation {other:?}").into()),
    };
    measured.print();
    Ok(())
}

/// Within a turn time stands still, as it does on a clock that a test moves.
fn insert_and_cancel(args: &Args) -> Result<Measurement> {
    let clock = ManualClock::new();
    let fired = Rc::default();
    let _others = pending(&clock, args.pending, MINUTE, &fired);
    let delays = Scatter::new().delays(SOME);
    Measurement::of(args.times, |at| {
        let call = count_later(&clock, delays[at % SOME], &fired);
        pending_still(call.cancel())
    })
}

/// An idle timeout that is moved later with each message: the protocol that gets the message has the call at
/// hand, but its place among the others is anywhere.
fn reset(args: &Args) -> Result<Measurement> {
    let clock = ManualClock::new();
    let mut calls = pending(&clock, args.pending, MINUTE, &Rc::default());
    Scatter::new().shuffle(&mut calls);
    let mut next = calls.iter().cycle();
    Measurement::of(args.times, |_| match next.next() {
        Some(call) => pending_still(call.reset(2 * MINUTE)),
        None => Err("none is pending".into()),
    })
}

/// What an operation on a call says.
fn pending_still(pending: bool) -> Result<()> {
    if pending {
        Ok(())
    } else {
        Err("the call is not pending".into())
    }
}

/// One turn of a real reactor, behind the last deadline.
fn fire(args: &Args) -> Result<Measurement> {
    let reactor = Reactor::new()?;
    let fired = Rc::<Cell<usize>>::default();
    let _calls = pending(reactor.clock(), args.pending, FIRE_WITHIN, &fired);
    std::thread::sleep(FIRE_WITHIN);
    let measured = Measurement::of(1, |_| {
        reactor.iterate(Duration::ZERO)?;
        Ok(())
    })?;
    if fired.get() == args.pending {
        Ok(measured.of_each(args.pending))
    } else {
        Err("not all that was due has fired".into())
    }
}

fn pending(
    clock: &Clock,
    count: usize,
    within: Duration,
    fired: &Rc<Cell<usize>>,
) -> Vec<DelayedCall> {
    let mut delays = Scatter::new();
    (0..count)
        .map(|_| count_later(clock, delays.within(within), fired))
        .collect()
}

fn count_later(clock: &Clock, delay: Duration, fired: &Rc<Cell<usize>>) -> DelayedCall {
    let fired = fired.clone();
    clock.call_later(delay, move || fired.set(fired.get() + 1))
}

/// How long something kept the thread on a core, over this many times.
pub struct Measurement {
    nanos: i64,
    times: usize,
}

impl Measurement {
    pub fn of(times: usize, mut once: impl FnMut(usize) -> Result<()>) -> Result<Self> {
        let started = on_a_core();
        for at in 0..times {
            once(at)?;
        }
        Ok(Measurement {
            nanos: on_a_core() - started,
            times,
        })
    }

    /// It was that many in one.
    pub fn of_each(self, times: usize) -> Self {
        Measurement { times, ..self }
    }

    /// Nanoseconds each.
    pub fn print(&self) {
        println!("{:.2}", self.nanos as f64 / self.times as f64);
    }
}

fn on_a_core() -> i64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("each thread has this clock");
    time.tv_sec() * 1_000_000_000 + time.tv_nsec()
}

/// Numbers without an order, the same in each run (xorshift).
pub struct Scatter(u64);

impl Scatter {
    #[allow(clippy::new_without_default, reason = "it is a sequence that begins")]
    pub fn new() -> Self {
        Scatter(0x9e37_79b9_7f4a_7c15)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u128::from(self.0) * bound as u128) >> 64) as usize
    }

    pub fn within(&mut self, span: Duration) -> Duration {
        Duration::from_nanos(self.below(span.as_nanos() as usize) as u64)
    }

    /// Within a minute.
    pub fn delays(&mut self, count: usize) -> Vec<Duration> {
        (0..count).map(|_| self.within(MINUTE)).collect()
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }
}
