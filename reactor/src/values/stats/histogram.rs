use std::fmt;
use std::time::Duration;

/// A histogram of measured times: a fixed number of buckets, each twice as wide as the
/// one before. It never allocates.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::Histogram;
/// use std::time::Duration;
///
/// let mut lag = Histogram::default();
/// for millis in [1, 1, 1, 200] {
///     lag.record(Duration::from_millis(millis));
/// }
/// assert_eq!(lag.count(), 4);
/// assert_eq!(lag.longest(), Duration::from_millis(200));
/// assert!(lag.quantile(0.5) < Duration::from_millis(3));
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    buckets: [u64; BUCKETS],
    /// Nanoseconds.
    sum: u64,
    longest: u64,
}

/// The last takes all that is above 8.6 s.
const BUCKETS: usize = 25;
/// The first ends at 1024 ns, so that a shift finds the bucket of a time.
const FIRST_BITS: u32 = 10;

impl Histogram {
    /// Adds one time.
    pub fn record(&mut self, time: Duration) {
        self.record_nanos(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    #[inline]
    pub(crate) fn record_nanos(&mut self, nanos: u64) {
        let bits = u64::BITS - (nanos >> FIRST_BITS).leading_zeros();
        let index = (bits as usize).min(BUCKETS - 1);
        self.buckets[index] += 1;
        self.sum = self.sum.saturating_add(nanos);
        self.longest = self.longest.max(nanos);
    }

    /// Returns how many times were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum)
    }

    /// The longest one, exactly; zero before the first.
    pub fn longest(&self) -> Duration {
        Duration::from_nanos(self.longest)
    }

    /// The buckets, the shortest times first: below which time each of them ends, and how many it has. The
    /// last has no end.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        (0..).zip(self.buckets).map(|(index, count)| {
            let is_last = index == BUCKETS as u32 - 1;
            let end = (!is_last).then(|| Duration::from_nanos(1 << (FIRST_BITS + index)));
            (end, count)
        })
    }

    /// A time which this part of all is not above, such as 0.99: the end of the bucket that it falls into,
    /// and never more than [`longest`](Histogram::longest). Zero before the first.
    pub fn quantile(&self, part: f64) -> Duration {
        let wanted = part.clamp(0.0, 1.0) * self.count() as f64;
        let mut passed = 0;
        for (end, count) in self.buckets() {
            passed += count;
            if count > 0 && passed as f64 >= wanted {
                return end.map_or(self.longest(), |end| end.min(self.longest()));
            }
        }
        self.longest()
    }

    /// Returns what was recorded since `earlier`, an earlier state of this histogram. The longest time is that of
    /// the whole.
    pub fn since(&self, earlier: &Histogram) -> Histogram {
        let mut since = self.clone();
        for (count, before) in since.buckets.iter_mut().zip(&earlier.buckets) {
            *count = count.saturating_sub(*before);
        }
        since.sum = self.sum.saturating_sub(earlier.sum);
        since
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("median", &self.quantile(0.5))
            .field("longest", &self.longest())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_falls_into_the_bucket_that_ends_above_it() {
        let mut edges = vec![0, 1, 1023, 1024, 1025, u64::MAX - 1, u64::MAX];
        edges.extend((0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit]));
        for nanos in edges {
            let mut histogram = Histogram::default();
            histogram.record_nanos(nanos);
            let buckets: Vec<_> = histogram.buckets().collect();
            assert_eq!(buckets.len(), BUCKETS);
            let at = buckets.iter().position(|(_, count)| *count == 1);
            let at = at.expect("it is counted");
            let time = Duration::from_nanos(nanos);
            assert!(buckets[at].0.is_none_or(|end| time < end), "{nanos}");
            let before = at.checked_sub(1).and_then(|before| buckets[before].0);
            assert!(before.is_none_or(|end| time >= end), "{nanos}");
            assert_eq!(histogram.longest(), time);
        }
    }

    #[test]
    fn a_quantile_is_never_below_what_it_stands_for_nor_above_the_longest() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.99), Duration::ZERO);
        (1..=1000).for_each(|millis| histogram.record(Duration::from_millis(millis)));
        for (part, least) in [(0.0, 1), (0.5, 500), (0.99, 990), (1.0, 1000)] {
            let found = histogram.quantile(part);
            assert!(found >= Duration::from_millis(least), "{part}: {found:?}");
            assert!(found <= Duration::from_secs(1), "{part}: {found:?}");
        }
        assert_eq!(histogram.quantile(f64::NAN), histogram.quantile(f64::NAN));
        let later = histogram.since(&histogram.clone());
        assert_eq!((later.count(), later.sum()), (0, Duration::ZERO));
    }
}
