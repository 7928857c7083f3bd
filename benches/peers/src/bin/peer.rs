//! One server of the others, by its name.

fn main() -> retwist_benches::args::Result<()> {
    retwist_bench_peers::serve(&retwist_benches::args::Args::parse()?)
}
