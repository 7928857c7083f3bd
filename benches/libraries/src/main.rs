//! Servers of HTTP and WebSockets, each upon a library, and each as the documentation of that has
//! it. Every one prints the port that it listens on, and runs until it is killed.

use retwist_benches::args::{Args, Result};

mod hyper_tokio;
mod ntex_http;
mod on_tokio;
mod retwist_websocket;
mod tokio_websocket;

/// What is answered to GET, as by the example `http`.
const DAY: &str = "It is day, somewhere.\n";

fn main() -> Result<()> {
    let args = Args::parse()?;
    match args.peer.as_str() {
        "hyper-tokio" => hyper_tokio::serve(&args),
        "ntex" => ntex_http::serve(&args),
        "retwist-websocket" => retwist_websocket::serve(&args),
        "tokio-websocket" => tokio_websocket::serve(&args),
        other => Err(format!("there is no peer {other}").into()),
    }
}
