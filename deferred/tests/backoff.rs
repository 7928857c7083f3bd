//! How long to wait before the next attempt.

use std::time::Duration;

use retwist_deferred::Backoff;

#[test]
fn waits_stay_within_their_bounds() {
    let backoff = Backoff::default();
    for failures in [0, 1, 5, 100, u32::MAX] {
        let least = 1.5_f64.powi(failures.min(100) as i32).min(60.0);
        for _ in 0..100 {
            let delay = backoff.delay(failures).as_secs_f64();
            assert!((least..=least + 1.0).contains(&delay), "{delay}");
        }
    }
    let longest = Backoff {
        initial: Duration::MAX,
        factor: f64::NAN,
        max_delay: Duration::MAX,
        jitter: Duration::MAX,
        reset_after: Duration::MAX,
    };
    assert_eq!(longest.delay(7), Duration::MAX);
}
