use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// The destination that a client gives to a proxy: an address, or a name that the proxy looks up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// The name of a host, and a port. [`new`](Destination::new) makes it of a text.
    Domain(HostName, u16),
}

/// A name of 1 to 255 printable ASCII characters, none of them a space: safe to put into a line or
/// a length-prefixed field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostName(Rc<str>);

impl Destination {
    /// The address if `host` is an IP address, or else the name. Give international names in their
    /// ASCII form.
    pub fn new(host: &str, port: u16) -> Result<Self, BadHostName> {
        match host.parse::<IpAddr>() {
            Ok(ip) => Ok(Destination::Ip(SocketAddr::new(ip, port))),
            Err(_) => Ok(Destination::Domain(HostName::new(host.as_bytes())?, port)),
        }
    }

    /// The port.
    pub fn port(&self) -> u16 {
        match self {
            Destination::Ip(address) => address.port(),
            Destination::Domain(_, port) => *port,
        }
    }
}

impl HostName {
    /// The name with these bytes, if they are valid.
    pub fn new(name: &[u8]) -> Result<Self, BadHostName> {
        match str::from_utf8(name) {
            Ok(name)
                if (1..=255).contains(&name.len())
                    && name.bytes().all(|b| b.is_ascii_graphic()) =>
            {
                Ok(HostName(name.into()))
            }
            _ => Err(BadHostName(String::from_utf8_lossy(name).into_owned())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<SocketAddr> for Destination {
    fn from(address: SocketAddr) -> Self {
        Destination::Ip(address)
    }
}

impl fmt::Display for Destination {
    /// `192.0.2.1:80`, `[2001:db8::1]:80`, `example.org:80`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Ip(address) => address.fmt(f),
            Destination::Domain(name, port) => write!(f, "{}:{port}", name.as_str()),
        }
    }
}

/// The name of a host is empty, is too long, or contains invalid characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadHostName(String);

impl fmt::Display for BadHostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a host name, which has 1 to 255 printable ASCII characters and no spaces",
            self.0
        )
    }
}

impl Error for BadHostName {}
