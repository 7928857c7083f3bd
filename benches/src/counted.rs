//! Servers over an allocator that counts.

use std::alloc::System;
use std::io::{BufRead, Write};

use stats_alloc::StatsAlloc;

/// For each line on standard input prints how often memory was allocated so far, and how much of it
/// is held.
pub fn answer(allocator: &'static StatsAlloc<System>) {
    std::thread::spawn(|| {
        for _ in std::io::stdin().lock().lines() {
            let stats = allocator.stats();
            // What a reallocation adds or takes away is in both.
            let held = stats.bytes_allocated as i64 - stats.bytes_deallocated as i64;
            println!("{} {held}", stats.allocations + stats.reallocations);
            let _ = std::io::stdout().flush();
        }
    });
}
