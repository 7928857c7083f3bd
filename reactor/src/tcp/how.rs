use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::StreamSettings;

/// How to listen on a TCP port. Anything that names a port will do where one is wanted: `8007`, a
/// [`SocketAddr`], or this.
///
/// ```
/// use retwist_reactor::TcpListen;
/// use std::net::Ipv6Addr;
///
/// let everywhere = TcpListen::port(8007).interface(Ipv6Addr::UNSPECIFIED).dual_stack(true);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpListen {
    pub(crate) address: SocketAddr,
    pub(crate) backlog: i32,
    pub(crate) dual_stack: bool,
    pub(crate) reuse_port: bool,
    pub(crate) no_delay: bool,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) accepts_a_turn: usize,
    pub(crate) settings: StreamSettings,
}

impl TcpListen {
    /// This port on all IPv4 addresses of the machine. Port 0: one that is free;
    /// [`ListeningPort::address`](crate::ListeningPort::address) tells which.
    pub fn port(port: u16) -> Self {
        TcpListen::address((Ipv4Addr::UNSPECIFIED, port).into())
    }

    /// This port on this address.
    pub fn address(address: SocketAddr) -> Self {
        TcpListen {
            address,
            backlog: 1024,
            dual_stack: false,
            reuse_port: false,
            no_delay: true,
            keep_alive: None,
            accepts_a_turn: 64,
            settings: StreamSettings::default(),
        }
    }

    /// Only on this address of the machine, or on all of a family: `0.0.0.0`, `::`.
    pub fn interface(mut self, interface: impl Into<IpAddr>) -> Self {
        self.address.set_ip(interface.into());
        self
    }

    /// Another port, and all else as it is.
    pub fn on_port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// How many connections the system may hold that have not been accepted yet. Default 1024; the
    /// system has a maximum of its own.
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = i32::try_from(connections).unwrap_or(i32::MAX);
        self
    }

    /// On `::`: also for IPv4, whose peers then have addresses like `::ffff:192.0.2.1`. Default
    /// false, whatever the system's default, so that the same port can be listened on for both
    /// families.
    pub fn dual_stack(mut self, both: bool) -> Self {
        self.dual_stack = both;
        self
    }

    /// Several sockets may listen on this port, in this process or in others, and the system shares
    /// the connections out. Default false.
    pub fn reuse_port(mut self, several: bool) -> Self {
        self.reuse_port = several;
        self
    }

    /// Whether small writes go out at once (`TCP_NODELAY`). Default true: what a turn writes is one
    /// send already.
    #[doc(alias = "setTcpNoDelay")]
    pub fn no_delay(mut self, at_once: bool) -> Self {
        self.no_delay = at_once;
        self
    }

    /// Asks a silent peer whether it is still there after this long. Default: never.
    #[doc(alias = "setTcpKeepAlive")]
    pub fn keep_alive(mut self, idle: Duration) -> Self {
        self.keep_alive = Some(idle);
        self
    }

    /// How many connections are accepted before others have their turn. Default 64, at least 1.
    pub fn accepts_a_turn(mut self, connections: usize) -> Self {
        self.accepts_a_turn = connections.max(1);
        self
    }

    /// The bounds of the connections that are accepted.
    pub fn settings(mut self, settings: StreamSettings) -> Self {
        self.settings = settings;
        self
    }

    /// The address that was asked for.
    pub fn wanted(&self) -> SocketAddr {
        self.address
    }

    /// Whether [`reuse_port`](TcpListen::reuse_port) was asked for.
    pub fn reuses_port(&self) -> bool {
        self.reuse_port
    }
}

impl From<u16> for TcpListen {
    fn from(port: u16) -> Self {
        TcpListen::port(port)
    }
}

impl From<SocketAddr> for TcpListen {
    fn from(address: SocketAddr) -> Self {
        TcpListen::address(address)
    }
}

/// How to connect over TCP. A [`SocketAddr`] will do where one is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpConnect {
    pub(crate) address: SocketAddr,
    pub(crate) timeout: Duration,
    pub(crate) bind_address: Option<SocketAddr>,
    pub(crate) no_delay: bool,
    pub(crate) keep_alive: Option<Duration>,
    pub(crate) settings: StreamSettings,
}

impl TcpConnect {
    /// To this port on this address.
    pub fn address(address: SocketAddr) -> Self {
        TcpConnect {
            address,
            timeout: Duration::from_secs(30),
            bind_address: None,
            no_delay: true,
            keep_alive: None,
            settings: StreamSettings::client(),
        }
    }

    /// How long to wait for the connection. Default 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The address of this machine to connect from; port 0 for any.
    pub fn bind_address(mut self, address: SocketAddr) -> Self {
        self.bind_address = Some(address);
        self
    }

    /// Whether small writes go out at once (`TCP_NODELAY`). Default true: what a turn writes is one
    /// send already.
    pub fn no_delay(mut self, at_once: bool) -> Self {
        self.no_delay = at_once;
        self
    }

    /// Asks a silent peer whether it is still there after this long. Default: never.
    pub fn keep_alive(mut self, idle: Duration) -> Self {
        self.keep_alive = Some(idle);
        self
    }

    /// The bounds of the connection. Think of [`read_pauses`](StreamSettings::read_pauses), which
    /// is false here unless it is given.
    pub fn settings(mut self, settings: StreamSettings) -> Self {
        self.settings = settings;
        self
    }

    /// The address that was asked for.
    pub fn wanted(&self) -> SocketAddr {
        self.address
    }
}

impl From<SocketAddr> for TcpConnect {
    fn from(address: SocketAddr) -> Self {
        TcpConnect::address(address)
    }
}
