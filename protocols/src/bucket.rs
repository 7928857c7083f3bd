use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A token bucket: it fills at a rate of bytes a second, and holds a burst.
///
/// A cheap handle: clones are the same bucket, so that several connections share one rate. Time is
/// an argument. The level is kept in nanoseconds of filling, so that rounding loses nothing, however
/// often it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    rate: u32,
    burst: u32,
    /// When the bucket was empty: it is full if that is long enough ago, and in debt if that is in
    /// the future.
    empty_at: Rc<Cell<Option<Instant>>>,
}

impl Bucket {
    /// A full bucket of `burst` bytes that fills with `rate` bytes a second, at least 1 each.
    pub(crate) fn new(rate: u32, burst: u32) -> Self {
        Bucket {
            rate: rate.max(1),
            burst: burst.max(1),
            empty_at: Rc::new(Cell::new(None)),
        }
    }

    /// The bucket of one connection: this one if it is shared, or else one with the same figures.
    pub(crate) fn for_connection(&self, shared: bool) -> Self {
        if shared {
            self.clone()
        } else {
            Bucket::new(self.rate, self.burst)
        }
    }

    /// How many bytes may pass now.
    pub(crate) fn available(&self, now: Instant) -> usize {
        let filled = now.saturating_duration_since(self.level(now));
        let bytes = filled.as_nanos() * u128::from(self.rate) / NANOS;
        // At most the burst: `level` bounds it.
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Takes `bytes`. If there are fewer, the next ones wait for longer.
    pub(crate) fn take(&self, bytes: usize, now: Instant) {
        let spent = self.time_for(bytes);
        self.empty_at.set(Some(self.level(now) + spent));
    }

    /// How long until `bytes` may pass, or the burst if that is less.
    pub(crate) fn wait_for(&self, bytes: usize, now: Instant) -> Duration {
        let bytes = bytes.min(self.burst as usize);
        (self.level(now) + self.time_for(bytes)).saturating_duration_since(now)
    }

    /// Takes `bytes`, or the burst if that is less. Returns how many it has taken, and how long until
    /// they may pass.
    pub(crate) fn reserve(&self, bytes: usize, now: Instant) -> (usize, Duration) {
        let bytes = bytes.min(self.burst as usize);
        let wait = self.wait_for(bytes, now);
        self.take(bytes, now);
        (bytes, wait)
    }

    fn level(&self, now: Instant) -> Instant {
        let full = now.checked_sub(self.time_for(self.burst as usize));
        self.empty_at.get().max(full).unwrap_or(now)
    }

    /// How long the bucket takes to fill with `bytes`, rounded up.
    fn time_for(&self, bytes: usize) -> Duration {
        let nanos = (bytes as u128 * NANOS).div_ceil(u128::from(self.rate));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

const NANOS: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let start = Instant::now();
        let bucket = Bucket::new(1000, 500);
        assert_eq!(bucket.available(start), 500);
        bucket.take(500, start);
        assert_eq!(bucket.available(start), 0);
        assert_eq!(bucket.wait_for(100, start), Duration::from_millis(100));
        assert_eq!(bucket.available(start + Duration::from_millis(100)), 100);
        assert_eq!(bucket.available(start + Duration::from_secs(9)), 500);
    }

    #[test]
    fn a_debt_is_paid_before_anything_passes() {
        let start = Instant::now();
        let bucket = Bucket::new(1000, 500);
        bucket.take(2500, start);
        assert_eq!(bucket.available(start + Duration::from_secs(2)), 0);
        assert_eq!(bucket.wait_for(1, start), Duration::from_millis(2001));
    }

    #[test]
    fn nothing_is_lost_however_often_it_is_asked() {
        let start = Instant::now();
        let bucket = Bucket::new(3, 1);
        bucket.take(1, start);
        let mut passed = 0;
        for milli in 0..10_000 {
            let now = start + Duration::from_millis(milli);
            let some = bucket.available(now);
            bucket.take(some, now);
            passed += some;
        }
        assert!((29..=30).contains(&passed), "{passed} bytes in ten seconds");
    }
}
