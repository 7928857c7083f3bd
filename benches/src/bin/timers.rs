//! What the timers of this project cost.

fn main() -> retwist_benches::args::Result<()> {
    retwist_benches::timers::run(&retwist_benches::args::Args::parse()?)
}
