use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How long to wait before the next attempt, by the number of those that have failed in a row.
///
/// The default is Twisted's: 1 s, half as much again for each failure, at most 60 s, and up to 1 s
/// more by chance, so that clients that have lost their server together do not come back together.
///
/// ```
/// use retwist_deferred::Backoff;
/// use std::time::Duration;
///
/// let steady = Backoff { factor: 1.0, jitter: Duration::ZERO, ..Backoff::default() };
/// assert_eq!(steady.delay(7), Duration::from_secs(1));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[doc(alias = "backoffPolicy")]
pub struct Backoff {
    /// The wait after the first failure is `factor` times this; after a connection that was lost,
    /// it is this. Default 1 s.
    pub initial: Duration,
    /// By what the wait grows with each failure. Default 1.5.
    pub factor: f64,
    /// The longest wait. Default 60 s.
    pub max_delay: Duration,
    /// Up to so much is added, by chance. Default 1 s.
    pub jitter: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            initial: Duration::from_secs(1),
            factor: 1.5,
            max_delay: Duration::from_secs(60),
            jitter: Duration::from_secs(1),
        }
    }
}

impl Backoff {
    /// The wait after so many failures in a row.
    pub fn delay(&self, failures: u32) -> Duration {
        let factor = self
            .factor
            .powi(i32::try_from(failures.min(100)).unwrap_or(100));
        let delay = self.initial.as_secs_f64() * factor;
        let delay = Duration::try_from_secs_f64(delay)
            .map_or(self.max_delay, |delay| delay.min(self.max_delay));
        let jitter = Duration::try_from_secs_f64(self.jitter.as_secs_f64() * chance());
        delay.saturating_add(jitter.unwrap_or(self.jitter))
    }
}

/// A number from 0 to 1. The keys of the standard library's hash maps are random, and good enough
/// for this.
fn chance() -> f64 {
    let random = RandomState::new().hash_one(0) >> 32;
    random as f64 / f64::from(u32::MAX)
}
