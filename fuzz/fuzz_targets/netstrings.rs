//! Netstrings: how long they may be, then what is received.
#![no_main]

use libfuzzer_sys::fuzz_target;
use retwist::protocols::Netstrings;
use retwist_fuzz::obey;

fuzz_target!(|input: (usize, &[u8])| {
    let (limit, bytes) = input;
    obey(|| Netstrings::new().limit(limit), bytes);
});
