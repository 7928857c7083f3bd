use std::time::Duration;

/// The wait before the next attempt, by the number of failures in a row.
///
/// The default is Twisted's: 1 s, half as much again for each failure, at most 60 s, and a random
/// part of up to 1 s, so that clients that have lost their server together do not come back
/// together.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::Backoff;
/// use std::time::Duration;
///
/// let steady = Backoff { factor: 1.0, jitter: Duration::ZERO, ..Backoff::default() };
/// assert_eq!(steady.delay(7), Duration::from_secs(1));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[doc(alias = "backoffPolicy")]
pub struct Backoff {
    /// The wait after a success that has ended. After the first failure, the wait is `factor` times
    /// this. Default 1 s.
    pub initial: Duration,
    /// The factor by which the wait grows with each failure. Default 1.5.
    pub factor: f64,
    /// The longest wait. Default 60 s.
    pub max_delay: Duration,
    /// The most that is added at random. Default 1 s.
    pub jitter: Duration,
    /// A connection that lives this long is a success. One that is lost before is one more failure.
    /// Default 30 s.
    pub reset_after: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            initial: Duration::from_secs(1),
            factor: 1.5,
            max_delay: Duration::from_secs(60),
            jitter: Duration::from_secs(1),
            reset_after: Duration::from_secs(30),
        }
    }
}

impl Backoff {
    /// The wait after this number of failures in a row.
    pub fn delay(&self, failures: u32) -> Duration {
        let factor = self
            .factor
            .powi(i32::try_from(failures.min(100)).unwrap_or(100));
        let delay = self.initial.as_secs_f64() * factor;
        let delay = Duration::try_from_secs_f64(delay)
            .map_or(self.max_delay, |delay| delay.min(self.max_delay));
        let jitter = Duration::try_from_secs_f64(self.jitter.as_secs_f64() * fastrand::f64());
        delay.saturating_add(jitter.unwrap_or(self.jitter))
    }
}
