//! The same servers over an allocator that counts.

use std::alloc::System;

use retwist_benches::{args, counted};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> args::Result<()> {
    counted::answer(ALLOCATOR);
    retwist_bench_peers::serve(&args::Args::parse()?)
}
