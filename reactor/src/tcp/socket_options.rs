use std::any::{Any, TypeId};
use std::io;
use std::rc::Weak;
use std::time::Duration;

use mio::net::TcpStream;
use socket2::{SockRef, TcpKeepalive};

use crate::TransportRef;
use crate::socket::SocketWire;

/// The options of the TCP socket at the bottom of a stack of layers.
///
/// A weak handle, like all handles: once the connection has gone, each method returns
/// [`NotConnected`](io::ErrorKind::NotConnected).
#[doc(alias = "ITCPTransport")]
#[derive(Clone)]
pub struct TcpOptions {
    stream: Weak<dyn Any>,
}

/// Whether the system asks a silent peer if it is still there (`SO_KEEPALIVE`).
///
/// A peer that does not answer ends the connection, after as many questions as the system likes to
/// ask (9 on Linux, 75 s apart).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeepAlive {
    /// The system never asks.
    #[default]
    Off,
    /// It asks after the silence that is the default of the system (2 hours on Linux).
    SystemDefault,
    /// It asks after this much silence, 1 s to 32767 s. Parts of a second do not count.
    After(Duration),
}

/// `true` is [`KeepAlive::SystemDefault`].
impl From<bool> for KeepAlive {
    fn from(on: bool) -> Self {
        if on {
            KeepAlive::SystemDefault
        } else {
            KeepAlive::Off
        }
    }
}

impl From<Duration> for KeepAlive {
    fn from(silence: Duration) -> Self {
        KeepAlive::After(silence)
    }
}

impl KeepAlive {
    /// The most seconds of silence that Linux accepts (`MAX_TCP_KEEPIDLE`).
    const MAX_SECONDS: u64 = 32_767;

    /// Sets the option, where it is not what a new socket has anyway.
    pub(super) fn apply_to_new(self, socket: &SockRef<'_>) -> io::Result<()> {
        if self == KeepAlive::Off {
            return Ok(());
        }
        self.apply(socket)
    }

    fn apply(self, socket: &SockRef<'_>) -> io::Result<()> {
        match self {
            KeepAlive::Off => socket.set_keepalive(false),
            KeepAlive::SystemDefault => socket.set_keepalive(true),
            KeepAlive::After(silence) => {
                if !(1..=KeepAlive::MAX_SECONDS).contains(&silence.as_secs()) {
                    let message = format!(
                        "a keep-alive time of {} s is not possible: choose 1 s to {} s",
                        silence.as_secs_f64(),
                        KeepAlive::MAX_SECONDS
                    );
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
                }
                socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(silence))
            }
        }
    }

    #[cfg(unix)]
    fn of(socket: &SockRef<'_>) -> io::Result<Self> {
        if socket.keepalive()? {
            socket.tcp_keepalive_time().map(KeepAlive::After)
        } else {
            Ok(KeepAlive::Off)
        }
    }
}

impl TcpOptions {
    pub(super) fn new(stream: Weak<dyn Any>) -> Self {
        TcpOptions { stream }
    }

    /// The options of the socket that `transport` ends in, or `None` if that is not a TCP socket.
    pub fn of(transport: &TransportRef) -> Option<TcpOptions> {
        let found = transport.extension(TypeId::of::<TcpOptions>())?;
        found.downcast_ref::<TcpOptions>().cloned()
    }

    /// Whether small writes go out at once (`TCP_NODELAY`).
    #[doc(alias = "getTcpNoDelay")]
    pub fn no_delay(&self) -> io::Result<bool> {
        self.with_socket(|socket| socket.tcp_nodelay())
    }

    /// Sets whether small writes go out at once.
    #[doc(alias = "setTcpNoDelay")]
    pub fn set_no_delay(&self, at_once: bool) -> io::Result<()> {
        self.with_socket(|socket| socket.set_tcp_nodelay(at_once))
    }

    /// Whether the system asks a silent peer if it is still there, and after how much silence.
    /// Windows does not tell.
    #[cfg(unix)]
    #[doc(alias = "getTcpKeepAlive")]
    pub fn keep_alive(&self) -> io::Result<KeepAlive> {
        self.with_socket(|socket| KeepAlive::of(&socket))
    }

    /// Sets whether the system asks a silent peer if it is still there: a `bool`, a [`Duration`], or
    /// a [`KeepAlive`].
    #[doc(alias = "setTcpKeepAlive")]
    pub fn set_keep_alive(&self, keep_alive: impl Into<KeepAlive>) -> io::Result<()> {
        let keep_alive = keep_alive.into();
        self.with_socket(|socket| keep_alive.apply(&socket))
    }

    /// Bytes that the system holds at most until they are sent and acknowledged (`SO_SNDBUF`).
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        self.with_socket(|socket| socket.send_buffer_size())
    }

    /// Sets how many bytes the system holds at most until they are sent and acknowledged. Linux
    /// doubles the number, for its own needs, and no longer adapts the size to the connection.
    pub fn set_send_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.with_socket(|socket| socket.set_send_buffer_size(bytes))
    }

    /// Bytes that the system holds at most until they are read (`SO_RCVBUF`).
    pub fn receive_buffer_size(&self) -> io::Result<usize> {
        self.with_socket(|socket| socket.recv_buffer_size())
    }

    /// Sets how many bytes the system holds at most until they are read. Linux doubles the number,
    /// for its own needs, and no longer adapts the size to the connection.
    pub fn set_receive_buffer_size(&self, bytes: usize) -> io::Result<()> {
        self.with_socket(|socket| socket.set_recv_buffer_size(bytes))
    }

    fn with_socket<R>(&self, act: impl FnOnce(SockRef<'_>) -> io::Result<R>) -> io::Result<R> {
        SocketWire::<TcpStream>::with_socket_of(&self.stream, |socket| act(SockRef::from(&*socket)))
    }
}
