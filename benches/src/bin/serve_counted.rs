//! The same servers over an allocator that counts. For each line on standard input it prints how
//! often memory was allocated so far, and how much of it is held.

use std::alloc::System;
use std::io::{BufRead, Write};

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> retwist_benches::args::Result<()> {
    std::thread::spawn(|| {
        for _ in std::io::stdin().lock().lines() {
            let stats = ALLOCATOR.stats();
            // What a reallocation adds or takes away is in both.
            let held = stats.bytes_allocated as i64 - stats.bytes_deallocated as i64;
            println!("{} {held}", stats.allocations + stats.reallocations);
            let _ = std::io::stdout().flush();
        }
    });
    retwist_benches::servers::serve(&retwist_benches::args::Args::parse()?)
}
