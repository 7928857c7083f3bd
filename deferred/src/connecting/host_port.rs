use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use retwist_reactor::{Address, AddressError, SocketAddress};

/// A port of a host, by name or address: `"example.org:25"`, `("example.org", 25)`,
/// `"[2001:db8::1]:25"`, or an address as [`SocketAddr`] takes it. Where one is wanted, the
/// [`Address`] of a port will do.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::HostPort;
///
/// let mail: HostPort = "example.org:25".parse()?;
/// assert_eq!((mail.host(), mail.port()), ("example.org", 25));
/// assert_eq!(mail, HostPort::from(("example.org", 25)));
/// assert!("example.org".parse::<HostPort>().is_err());
/// # Ok::<(), retwist::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl HostPort {
    /// The name or the address of the host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for HostPort {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        if text.parse::<IpAddr>().is_ok() {
            return Err(AddressError::MissingPort(text.to_owned()));
        }
        let malformed = || AddressError::Malformed(text.to_owned());
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(AddressError::MissingPort(text.to_owned()));
        };
        let port = port.parse().map_err(|_| malformed())?;
        // More colons belong to an IPv6 address, which needs brackets.
        if host.is_empty() || host.contains(':') {
            return Err(malformed());
        }
        Ok(HostPort {
            host: host.to_owned(),
            port,
        })
    }
}

/// As the text is read: an IPv6 address in brackets.
impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl From<(&str, u16)> for HostPort {
    fn from((host, port): (&str, u16)) -> Self {
        HostPort {
            host: host.to_owned(),
            port,
        }
    }
}

impl From<(String, u16)> for HostPort {
    fn from((host, port): (String, u16)) -> Self {
        HostPort { host, port }
    }
}

impl From<SocketAddr> for HostPort {
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
            _ => address.ip().to_string(),
        };
        HostPort {
            host,
            port: address.port(),
        }
    }
}

impl IntoHostPort for &Address {
    fn into_host_port(self) -> Result<HostPort, AddressError> {
        if let Address::Host(host, port) = self {
            return Ok(HostPort::from((&**host, *port)));
        }
        self.socket_address().map(HostPort::from)
    }
}

impl IntoHostPort for Address {
    fn into_host_port(self) -> Result<HostPort, AddressError> {
        (&self).into_host_port()
    }
}

/// What may be given where a [`HostPort`] is wanted: a text, a pair, or the address of a port.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a host with a port",
    label = "not a host with a port",
    note = "write \"example.org:25\", (\"example.org\", 25) or a `SocketAddr`"
)]
pub trait IntoHostPort {
    /// The host with its port. Fails if a text has no port, or cannot be read.
    fn into_host_port(self) -> Result<HostPort, AddressError>;
}

impl IntoHostPort for &str {
    fn into_host_port(self) -> Result<HostPort, AddressError> {
        self.parse()
    }
}

impl IntoHostPort for &String {
    fn into_host_port(self) -> Result<HostPort, AddressError> {
        self.parse()
    }
}

impl IntoHostPort for String {
    fn into_host_port(self) -> Result<HostPort, AddressError> {
        self.parse()
    }
}

macro_rules! into_host_port {
    ($($infallible:ty: $convert:expr;)*) => {
        $(
            impl IntoHostPort for $infallible {
                fn into_host_port(self) -> Result<HostPort, AddressError> {
                    Ok($convert(self))
                }
            }
        )*
    };
}

into_host_port! {
    HostPort: |to: HostPort| to;
    (&str, u16): HostPort::from;
    (String, u16): HostPort::from;
    SocketAddr: HostPort::from;
    (IpAddr, u16): |to| HostPort::from(SocketAddr::from(to));
    (Ipv4Addr, u16): |to| HostPort::from(SocketAddr::from(to));
    (Ipv6Addr, u16): |to| HostPort::from(SocketAddr::from(to));
    ([u8; 4], u16): |to| HostPort::from(SocketAddr::from(to));
    ([u16; 8], u16): |to| HostPort::from(SocketAddr::from(to));
}
