//! Lines: what ends them and how long they may be, then what is received.
#![no_main]

use libfuzzer_sys::fuzz_target;
use retwist::protocols::Lines;
use retwist_fuzz::obey;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (kind, limit, bytes) = input;
    let delimiter: &[u8] = match kind % 4 {
        0 => b"\r\n",
        1 => b"\n",
        2 => b"xx:",
        _ => b"xx",
    };
    obey(|| Lines::delimited_by(delimiter).limit(limit.into()), bytes);
});
