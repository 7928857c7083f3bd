use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
#[cfg(unix)]
use socket2::Type;

use super::KeepAlive;
use crate::StreamSettings;
#[cfg(unix)]
use crate::inherited::handed;
use crate::socket::{Sent, Share, Team};

/// The options of a TCP port.
///
/// Whatever listens takes `8007`, `"127.0.0.1:8007"`, `([127, 0, 0, 1], 8007)`, a [`SocketAddr`], or
/// this, which has the options as well.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::TcpListen;
/// use std::net::Ipv6Addr;
///
/// let everywhere = TcpListen::port(8007).interface(Ipv6Addr::UNSPECIFIED).backlog(100);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpListen {
    pub(crate) address: SocketAddr,
    pub(crate) backlog: i32,
    pub(crate) v6_only: bool,
    #[cfg(unix)]
    pub(crate) reuse_port: bool,
    pub(super) share: Option<Share<()>>,
    pub(super) team: Option<Team<Sent<TcpStream>>>,
    pub(crate) no_delay: bool,
    pub(crate) keep_alive: KeepAlive,
    pub(crate) max_accepts_per_turn: usize,
    pub(crate) max_accepts_on_stop: usize,
    pub(crate) settings: StreamSettings,
}

impl TcpListen {
    /// Listens on this port of all IPv4 addresses of the machine. Port 0 is one that is free;
    /// [`ListeningPort::address`](crate::ListeningPort::address) tells which.
    pub fn port(port: u16) -> Self {
        TcpListen::address((Ipv4Addr::UNSPECIFIED, port).into())
    }

    /// Listens on this port of this address.
    pub fn address(address: SocketAddr) -> Self {
        TcpListen {
            address,
            backlog: 1024,
            v6_only: false,
            #[cfg(unix)]
            reuse_port: false,
            share: None,
            team: None,
            no_delay: true,
            keep_alive: KeepAlive::Off,
            max_accepts_per_turn: 64,
            max_accepts_on_stop: 1024,
            settings: StreamSettings::default(),
        }
    }

    /// Listens on this address of the machine alone. `0.0.0.0` is all IPv4 addresses, and `::` all
    /// addresses of both families, unless [`v6_only`](TcpListen::v6_only) is set.
    pub fn interface(mut self, interface: impl Into<IpAddr>) -> Self {
        self.address.set_ip(interface.into());
        self
    }

    /// Changes the port, and leaves all else as it is.
    pub fn on_port(mut self, port: u16) -> Self {
        self.address.set_port(port);
        self
    }

    /// Sets how many connections the system may hold that have not been accepted yet. Default 1024; the
    /// system has a maximum of its own.
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = i32::try_from(connections).unwrap_or(i32::MAX);
        self
    }

    /// Whether `::` is for IPv6 alone. Default false, whatever the system's default: IPv4 peers
    /// connect too, and have addresses such as `::ffff:192.0.2.1`. With true, another socket can
    /// listen on the same port of `0.0.0.0`.
    pub fn v6_only(mut self, v6_only: bool) -> Self {
        self.v6_only = v6_only;
        self
    }

    /// Whether several sockets may listen on this port, in this process or in others, among which
    /// the system shares the connections out (`SO_REUSEPORT`, on FreeBSD `SO_REUSEPORT_LB`). Default
    /// false. On macOS one of them gets all: use [`shared`](TcpListen::shared) within a process.
    /// Windows has no such option.
    #[cfg(unix)]
    pub fn reuse_port(mut self, several: bool) -> Self {
        self.reuse_port = several;
        self
    }

    /// Makes all ports that are opened with clones of these options accept from one socket, whatever
    /// their reactors and threads: the first opens it, and the last that stops closes it.
    pub fn shared(mut self) -> Self {
        self.share = Some(Share::default());
        self
    }

    /// [`shared`](TcpListen::shared), and the port that has accepted a connection hands it to the one
    /// whose reactor [serves](crate::Remote::served) the fewest. A port that is
    /// [paused](crate::ListeningPort::pause_accepting) gets none. The connection is one of the port
    /// that gets it: only that one counts it, and asks its factory.
    ///
    /// It is for systems that balance nothing by themselves, and for connections that last: each that is
    /// handed on costs a wake-up of the other thread.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use retwist::{Protocol, TransportRef};
    /// # struct Echo;
    /// # impl Protocol for Echo {
    /// #     fn data_received(&mut self, t: &TransportRef, data: &[u8]) { t.write(data) }
    /// # }
    /// use retwist::{Reactor, TcpListen};
    ///
    /// let options = TcpListen::address(([127, 0, 0, 1], 0).into()).balanced();
    /// // In threads of their own:
    /// let (one, other) = (Reactor::new()?, Reactor::new()?);
    /// let port = one.listen_tcp(options.clone(), |_| Echo)?;
    /// let same = other.listen_tcp(options, |_| Echo)?;
    /// assert_eq!(port.address(), same.address());
    /// # Ok(()) }
    /// ```
    pub fn balanced(mut self) -> Self {
        self.share = Some(Share::default());
        self.team = Some(Team::default());
        self
    }

    /// [`shared`](TcpListen::shared), with a socket that outlives its ports: it stays open, and what
    /// connects waits in its queue, until the next port is opened with these options. It is closed when
    /// [`release`](TcpListen::release) is called, or the last clone of the options is dropped.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use retwist::{Protocol, TransportRef};
    /// # struct Echo;
    /// # impl Protocol for Echo {
    /// #     fn data_received(&mut self, t: &TransportRef, data: &[u8]) { t.write(data) }
    /// # }
    /// use retwist::{Reactor, TcpListen};
    /// use std::net::TcpStream;
    ///
    /// let options = TcpListen::address(([127, 0, 0, 1], 0).into()).kept();
    /// let first = Reactor::new()?;
    /// let address = first.listen_tcp(options.clone(), |_| Echo)?.address();
    /// drop(first);
    /// // It waits in the queue.
    /// let client = TcpStream::connect(address.socket().unwrap())?;
    /// let second = Reactor::new()?;
    /// let port = second.listen_tcp(options, |_| Echo)?;
    /// assert_eq!(port.address(), address);
    /// # Ok(()) }
    /// ```
    pub fn kept(mut self) -> Self {
        self.share = Some(Share::keeping());
        self
    }

    /// A socket that is [`kept`](TcpListen::kept) is kept no more: it is closed as soon as no port listens
    /// with it.
    pub fn release(&self) {
        if let Some(share) = &self.share {
            share.release();
        }
    }

    /// Whether small writes go out at once (`TCP_NODELAY`). Default true: what a turn writes is one
    /// send already.
    #[doc(alias = "setTcpNoDelay")]
    pub fn no_delay(mut self, at_once: bool) -> Self {
        self.no_delay = at_once;
        self
    }

    /// Whether the system asks a silent peer if it is still there: `true`, a [`Duration`] of silence
    /// after which to ask, or a [`KeepAlive`]. Default [`KeepAlive::Off`].
    #[doc(alias = "setTcpKeepAlive")]
    pub fn keep_alive(mut self, keep_alive: impl Into<KeepAlive>) -> Self {
        self.keep_alive = keep_alive.into();
        self
    }

    /// Sets how many connections the port accepts before other connections get their turn. Default 64, at
    /// least 1.
    pub fn max_accepts_per_turn(mut self, connections: usize) -> Self {
        self.max_accepts_per_turn = connections.max(1);
        self
    }

    /// Sets how many connections that already wait in the system's queue a port accepts when it stops.
    /// The system resets all others. Default 1024; 0 accepts none. A port that is
    /// [paused](crate::ListeningPort::pause_accepting) accepts none.
    pub fn max_accepts_on_stop(mut self, connections: usize) -> Self {
        self.max_accepts_on_stop = connections;
        self
    }

    /// The bounds of the connections that are accepted.
    pub fn settings(mut self, settings: StreamSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Whether both are clones of the same options that are [`shared`](TcpListen::shared).
    pub(crate) fn is_shared_with(&self, other: &TcpListen) -> bool {
        self.share.is_some() && self.share == other.share
    }

    /// Whether the program that this one replaces has handed over a socket that listens there, which the port
    /// will take: see [`Restart`](crate::Restart).
    #[cfg(unix)]
    pub fn is_handed_over(&self) -> bool {
        handed::has(Type::STREAM, &self.address.into())
    }

    /// The address that was asked for, perhaps with port 0.
    pub fn requested_addr(&self) -> SocketAddr {
        self.address
    }

    /// Whether [`reuse_port`](TcpListen::reuse_port) was asked for.
    #[cfg(unix)]
    pub fn reuses_port(&self) -> bool {
        self.reuse_port
    }
}

/// The options of a connection over TCP.
///
/// Whatever connects takes `"192.0.2.1:80"`, `([192, 0, 2, 1], 80)`, a [`SocketAddr`], or this, which
/// has the options as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpConnect {
    pub(crate) address: SocketAddr,
    pub(crate) timeout: Duration,
    pub(crate) bind_address: Option<SocketAddr>,
    pub(crate) no_delay: bool,
    pub(crate) keep_alive: KeepAlive,
    pub(crate) settings: StreamSettings,
}

impl TcpConnect {
    /// Connects to this port of this address.
    pub fn address(address: SocketAddr) -> Self {
        TcpConnect {
            address,
            timeout: Duration::from_secs(30),
            bind_address: None,
            no_delay: true,
            keep_alive: KeepAlive::Off,
            settings: StreamSettings::client(),
        }
    }

    /// Sets how long to wait for the connection. Default 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The address of this machine to connect from, with port 0 for any port. By default the system
    /// chooses.
    pub fn bind_address(mut self, address: SocketAddr) -> Self {
        self.bind_address = Some(address);
        self
    }

    /// Whether small writes go out at once (`TCP_NODELAY`). Default true: what a turn writes is one
    /// send already.
    #[doc(alias = "setTcpNoDelay")]
    pub fn no_delay(mut self, at_once: bool) -> Self {
        self.no_delay = at_once;
        self
    }

    /// Whether the system asks a silent peer if it is still there: `true`, a [`Duration`] of silence
    /// after which to ask, or a [`KeepAlive`]. Default [`KeepAlive::Off`].
    #[doc(alias = "setTcpKeepAlive")]
    pub fn keep_alive(mut self, keep_alive: impl Into<KeepAlive>) -> Self {
        self.keep_alive = keep_alive.into();
        self
    }

    /// The bounds of the connection. Think of [`read_pauses`](StreamSettings::read_pauses), which
    /// is false here unless it is given.
    pub fn settings(mut self, settings: StreamSettings) -> Self {
        self.settings = settings;
        self
    }

    /// The address that was asked for.
    pub fn requested_addr(&self) -> SocketAddr {
        self.address
    }
}
