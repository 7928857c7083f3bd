//! One server of this project, by its name.

fn main() -> retwist_benches::args::Result<()> {
    retwist_benches::servers::serve(&retwist_benches::args::Args::parse()?)
}
