use std::env;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use proptest::test_runner::{Config, RngSeed};

/// Returns the settings of proptest for random conversations: `usual` of them, unless the environment sets another
/// number in `RETWIST_SCHEDULES`. The seed is printed, and the one that `PROPTEST_RNG_SEED` sets is
/// used again.
///
/// # Panics
/// Panics if one of the two variables is not a number.
pub fn conversations(usual: u32) -> Config {
    let seed = wanted("PROPTEST_RNG_SEED").unwrap_or_else(|| RandomState::new().hash_one(()));
    println!("PROPTEST_RNG_SEED={seed}");
    Config {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..Config::with_cases(wanted("RETWIST_SCHEDULES").unwrap_or(usual))
    }
}

fn wanted<T: FromStr>(variable: &str) -> Option<T> {
    let value = env::var(variable).ok()?;
    let Ok(number) = value.parse() else {
        panic!("{variable} is {value:?}, and not a number");
    };
    Some(number)
}
