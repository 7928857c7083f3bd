//! One echo server, by the name of the peer.

fn main() -> retwist_benches::args::Result<()> {
    retwist_benches::servers::serve(&retwist_benches::args::Args::parse()?)
}
