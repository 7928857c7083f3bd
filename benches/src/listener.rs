//! Where a server listens: alike for all of them, and told to the runner.

use std::io::Write;
use std::net::SocketAddr;

use crate::args::Result;

/// A listening socket like those of all servers here: the same backlog, and small writes at once,
/// which accepted sockets inherit.
pub fn bind(port: u16) -> Result<std::net::TcpListener> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::STREAM.nonblocking().cloexec(), None)?;
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&local(port).into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

/// Tells the runner where to send the load.
pub fn listening(address: SocketAddr) {
    println!("{}", address.port());
    let _ = std::io::stdout().flush();
}

/// A port of this machine.
pub fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
