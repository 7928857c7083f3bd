//! Strings behind their length: how long they may be, then what is received.
#![no_main]

use libfuzzer_sys::fuzz_target;
use retwist::protocols::{Int8Strings, Int16Strings, Int32Strings};
use retwist_fuzz::obey;

fuzz_target!(|input: (u8, usize, &[u8])| {
    let (width, limit, bytes) = input;
    match width % 3 {
        0 => obey(|| Int8Strings::new().limit(limit), bytes),
        1 => obey(|| Int16Strings::new().limit(limit), bytes),
        _ => obey(|| Int32Strings::new().limit(limit), bytes),
    }
});
