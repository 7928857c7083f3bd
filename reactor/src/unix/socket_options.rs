use std::any::{Any, TypeId};
use std::io;
use std::os::fd::AsFd;
use std::rc::Weak;

use socket2::SockRef;

use super::wire::UnixSocket;
use crate::TransportRef;
use crate::socket::SocketWire;

/// The options of the UNIX socket at the bottom of a stack of layers.
///
/// A weak handle, like all handles: once the connection has gone, each method returns
/// [`NotConnected`](io::ErrorKind::NotConnected).
#[doc(alias = "IUNIXTransport")]
#[derive(Clone)]
pub struct UnixOptions {
    stream: Weak<dyn Any>,
}

/// The process at the other end of a UNIX socket.
///
/// They are those of the moment when that process connected, or began to listen; it may have passed
/// its descriptor on since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerCredentials {
    /// The number of the process; `None` if it is not visible from here (another PID namespace), and
    /// where the system does not tell: it is Linux and macOS that do.
    pub pid: Option<u32>,
    /// The effective user.
    pub uid: u32,
    /// The effective group.
    pub gid: u32,
}

impl UnixOptions {
    pub(super) fn new(stream: Weak<dyn Any>) -> Self {
        UnixOptions { stream }
    }

    /// The options of the socket that `transport` ends in, or `None` if that is not a UNIX socket.
    pub fn of(transport: &TransportRef) -> Option<UnixOptions> {
        let found = transport.extension(TypeId::of::<UnixOptions>())?;
        found.downcast_ref::<UnixOptions>().cloned()
    }

    /// The process that made the other end (`SO_PEERCRED`, elsewhere `getpeereid`(3)). No peer can
    /// forge it.
    pub fn peer_credentials(&self) -> io::Result<PeerCredentials> {
        SocketWire::<UnixSocket>::with_socket_of(&self.stream, |socket| {
            credentials(socket.stream())
        })
    }

    /// Bytes that the system holds at most until the peer reads them (`SO_SNDBUF`).
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        self.with_socket(|socket| socket.send_buffer_size())
    }

    /// Sets how many bytes the system holds at most until the peer reads them. Linux doubles the
    /// number, for its own needs.
    pub fn set_send_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.with_socket(|socket| socket.set_send_buffer_size(bytes))
    }

    fn with_socket<R>(&self, act: impl FnOnce(SockRef<'_>) -> io::Result<R>) -> io::Result<R> {
        SocketWire::<UnixSocket>::with_socket_of(&self.stream, |socket| {
            act(SockRef::from(socket.stream()))
        })
    }
}

#[cfg(target_os = "linux")]
fn credentials(socket: &impl AsFd) -> io::Result<PeerCredentials> {
    use nix::sys::socket::{getsockopt, sockopt};

    let found = getsockopt(&socket.as_fd(), sockopt::PeerCredentials)?;
    Ok(PeerCredentials {
        pid: u32::try_from(found.pid()).ok().filter(|pid| *pid != 0),
        uid: found.uid(),
        gid: found.gid(),
    })
}

#[cfg(not(target_os = "linux"))]
fn credentials(socket: &impl AsFd) -> io::Result<PeerCredentials> {
    let (uid, gid) = nix::unistd::getpeereid(socket)?;
    #[cfg(target_vendor = "apple")]
    let pid = {
        use nix::sys::socket::{getsockopt, sockopt};
        u32::try_from(getsockopt(&socket.as_fd(), sockopt::LocalPeerPid)?).ok()
    };
    #[cfg(not(target_vendor = "apple"))]
    let pid = None;
    Ok(PeerCredentials {
        pid,
        uid: uid.as_raw(),
        gid: gid.as_raw(),
    })
}
