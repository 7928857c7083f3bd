//! The load: one thread that talks to a server, checks every byte, and says how it went.

fn main() -> retwist_benches::args::Result<()> {
    retwist_benches::load::run(&retwist_benches::args::Args::parse()?)
}
