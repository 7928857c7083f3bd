//! Echo servers, each written as its users would write it. Every one prints the port that it
//! listens on, and runs until it is killed.

use std::io::Write;
use std::net::SocketAddr;

use crate::args::{Args, Result};

mod lines;
mod mio_loop;
mod mio_rustls;
mod retwist;
mod tokio_echo;

pub fn serve(args: &Args) -> Result<()> {
    match args.peer.as_str() {
        "retwist" | "retwist-again" => retwist::serve(args),
        "mio" | "mio-again" => mio_loop::serve(args),
        "tokio" => tokio_echo::serve(args),
        "retwist-tls" | "retwist-tls-again" => retwist::serve_tls(args),
        "mio-rustls" | "mio-rustls-again" => mio_rustls::serve(args),
        "tokio-rustls" => tokio_echo::serve_tls(args),
        "retwist-lines" => lines::serve(args),
        "tokio-lines" => lines::serve_codec(args),
        other => Err(format!("there is no peer {other}").into()),
    }
}

/// Tells the runner where to send the load.
fn listening(address: SocketAddr) {
    println!("{}", address.port());
    let _ = std::io::stdout().flush();
}

/// A listening socket like those of all peers: the same backlog, and small writes at once, which
/// accepted sockets inherit.
fn bind(port: u16) -> Result<std::net::TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking().cloexec(), None)?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}
