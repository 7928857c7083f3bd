use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;

use crate::SocketAddress;

/// The address of one end of a transport.
///
/// [`Transport::peer`](crate::Transport::peer) and [`Transport::host`](crate::Transport::host) return
/// it, and a [`Factory`](crate::Factory) is given that of each peer. A layer may replace it: above a
/// PROXY header it is the address that the header names.
#[doc(alias = "IPv4Address")]
#[doc(alias = "IPv6Address")]
#[doc(alias = "UNIXAddress")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// A TCP port, IPv4 or IPv6 (with its scope, where it has one).
    Tcp(SocketAddr),
    /// A UDP port, IPv4 or IPv6 (with its scope, where it has one).
    Udp(SocketAddr),
    /// A path in the file system, or `None` for an end that is not bound to one.
    Unix(Option<Arc<Path>>),
    /// An abstract name of a UNIX socket, which is not a file (Linux).
    UnixAbstract(Arc<[u8]>),
    /// A port of a host by its name: the destination of a connector. The peer of its connection is
    /// an IP address.
    Host(Arc<str>, u16),
    /// A descriptor that is not a socket, by the name that was given to it: a pipe, a terminal.
    Descriptor(Arc<str>),
    /// A child process: its program, and its number once it runs.
    Process(Arc<Path>, Option<u32>),
    /// One end of a connection in memory, by the name that its maker gave to it.
    Memory(Arc<str>),
    /// Not known: the end has gone, or the system does not say.
    Unknown,
}

impl Address {
    /// The IP address, for the kinds that have one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.socket().map(|address| address.ip())
    }

    /// The port, for the kinds that have one.
    pub fn port(&self) -> Option<u16> {
        match self {
            Address::Host(_, port) => Some(*port),
            _ => self.socket().map(|address| address.port()),
        }
    }

    /// IP address and port together, for the kinds that have them.
    pub fn socket(&self) -> Option<SocketAddr> {
        match self {
            Address::Tcp(address) | Address::Udp(address) => Some(*address),
            _ => None,
        }
    }
}

/// For sockets of the standard library: `TcpStream::connect(port.address())`. An [`Address::Host`] is
/// looked up, which blocks the thread. An address without IP is an error.
impl ToSocketAddrs for Address {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        if let Address::Host(host, port) = self {
            return (&**host, *port).to_socket_addrs();
        }
        let address = self.socket_address();
        let address =
            address.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(vec![address].into_iter())
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Address::Tcp(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) | Address::Udp(address) => address.fmt(f),
            Address::Unix(Some(path)) => path.display().fmt(f),
            Address::UnixAbstract(name) => write!(f, "@{}", String::from_utf8_lossy(name)),
            Address::Unix(None) => f.write_str("unnamed UNIX socket"),
            Address::Host(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Host(host, port) => write!(f, "{host}:{port}"),
            Address::Process(program, Some(pid)) => {
                write!(f, "{} (process {pid})", program.display())
            }
            Address::Process(program, None) => program.display().fmt(f),
            Address::Memory(name) | Address::Descriptor(name) => f.write_str(name),
            Address::Unknown => f.write_str("unknown address"),
        }
    }
}
