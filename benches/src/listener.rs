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
    listening_on(address.port());
}

/// Tells the runner the port, or the number of a UNIX socket.
pub fn listening_on(port: u16) {
    println!("{port}");
    let _ = std::io::stdout().flush();
}

/// A UNIX socket, which has a number in place of a port, alike for all servers. Tells the runner.
pub fn bind_unix() -> Result<std::os::unix::net::UnixListener> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixListener};
    let number = unused();
    let name = SocketAddr::from_abstract_name(unix_name(number))?;
    let listener = UnixListener::bind_addr(&name)?;
    listener.set_nonblocking(true)?;
    listening_on(number);
    Ok(listener)
}

/// A number that no other server has now.
pub fn unused() -> u16 {
    // Two processes that run have two numbers, and few have more than 16 bits.
    std::process::id() as u16
}

/// The abstract name of the UNIX socket with this number.
pub fn unix_name(number: u16) -> String {
    format!("retwist-benches-{number}")
}

/// A port of this machine.
pub fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
