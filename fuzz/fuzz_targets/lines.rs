//! Lines: what ends them and how long they may be, then what is received.
#![no_main]

use libfuzzer_sys::fuzz_target;
use retwist::protocols::Lines;
use retwist_fuzz::obey;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (kind, limit, bytes) = input;
    let lines = match kind % 5 {
        0 => Lines::new(),
        1 => Lines::delimited_by(b"\n"),
        2 => Lines::delimited_by(b"xx:"),
        3 => Lines::delimited_by(b"xx"),
        _ => Lines::lf_or_crlf(),
    };
    obey(|| lines.clone().limit(limit.into()), bytes);
});
