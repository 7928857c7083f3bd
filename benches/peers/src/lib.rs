//! What this project is measured beside: echo servers and others, each written as its users would
//! write it. Every one prints the port that it listens on, and runs until it is killed.

use retwist_benches::args::{Args, Result};

mod by_hand;
mod by_hand_forward;
mod by_hand_plain;
mod by_hand_rustls;
mod by_hand_udp;
mod by_hand_unbuffered;
mod tokio_echo;
mod tokio_forward;
mod tokio_lines;
pub mod tokio_timers;
mod tokio_udp;

use tokio_forward::Buffers;

pub fn serve(args: &Args) -> Result<()> {
    match args.peer.as_str() {
        "mio" => by_hand_plain::serve(args),
        "mio-forward" => by_hand_forward::serve(args),
        "mio-rustls" => by_hand_rustls::serve(args),
        "mio-rustls-unbuffered" => by_hand_unbuffered::serve(args),
        "mio-unix" => by_hand_plain::serve_unix(args),
        "mio-udp" => by_hand_udp::serve(args),
        "tokio" => tokio_echo::serve(args),
        "tokio-forward" => tokio_forward::serve(args, Buffers::Large),
        "tokio-forward-8k" => tokio_forward::serve(args, Buffers::Default),
        "tokio-lines" => tokio_lines::serve(args),
        "tokio-rustls" => tokio_echo::serve_tls(args),
        "tokio-rustls-forward" => tokio_forward::serve_tls(args, Buffers::Large),
        "tokio-rustls-forward-8k" => tokio_forward::serve_tls(args, Buffers::Default),
        "tokio-unix" => tokio_echo::serve_unix(args),
        "tokio-udp" => tokio_udp::serve(args),
        other => Err(format!("there is no peer {other}").into()),
    }
}
