use std::io;

use socket2::{Domain, Protocol, Socket, Type};

/// A socket that does not block, that no program inherits which this one starts, and that raises no
/// signal (SIGPIPE) when it sends to a peer that has gone.
///
/// Linux and FreeBSD make it in one system call. The other systems are told afterwards, and macOS of
/// the signal too: `Socket::new` does that.
pub(crate) fn new_socket(
    domain: Domain,
    kind: Type,
    protocol: Option<Protocol>,
) -> io::Result<Socket> {
    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    return Socket::new(domain, kind.nonblocking().cloexec(), protocol);
    #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
    {
        let socket = Socket::new(domain, kind, protocol)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    }
}

/// Has a socket that was accepted raise no signal either. Elsewhere than on macOS each send says so.
/// The system refuses it where the connection is broken already.
#[cfg(target_vendor = "apple")]
pub(crate) fn silence(socket: &impl std::os::fd::AsFd) -> io::Result<()> {
    socket2::SockRef::from(socket)
        .set_nosigpipe(true)
        .map_err(|_| io::ErrorKind::ConnectionAborted.into())
}

/// Lets other sockets bind to the same port, among which the system shares out what comes.
#[cfg(unix)]
pub(crate) fn share_port(socket: &Socket) -> io::Result<()> {
    #[cfg(target_os = "freebsd")]
    return socket.set_reuse_port_lb(true);
    #[cfg(not(target_os = "freebsd"))]
    socket.set_reuse_port(true)
}
