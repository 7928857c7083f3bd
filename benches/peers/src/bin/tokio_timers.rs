//! What the timers of tokio cost.

fn main() -> retwist_benches::args::Result<()> {
    retwist_bench_peers::tokio_timers::run(&retwist_benches::args::Args::parse()?)
}
