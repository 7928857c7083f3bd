use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use crate::Address;

/// The error for what is not an IP address with a port, or not the name of a UNIX socket.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// The text is an IP address without a port.
    MissingPort(String),
    /// The text has the name of a host where an IP address has to be. A name must be looked up
    /// first, which takes time.
    HostName(String),
    /// The text is neither.
    Malformed(String),
    /// This address is not one of IP: that of a UNIX socket, of a descriptor, of a connection in memory.
    NotIp(Address),
    /// The path is empty.
    EmptyPath,
    /// The path, or the abstract name, is longer than that of a UNIX socket may be (107 bytes on
    /// Linux, 103 on other systems).
    PathTooLong(PathBuf),
    /// There is a zero byte in the path.
    ZeroInPath(PathBuf),
}

impl AddressError {
    /// Where the text leads to, as far as it says so.
    pub(crate) fn destination(&self) -> Address {
        let host = match self {
            AddressError::HostName(text) => text.rsplit_once(':'),
            _ => None,
        };
        let parts = host.and_then(|(host, port)| Some((host, port.parse().ok()?)));
        parts.map_or(Address::Unknown, |(host, port)| {
            Address::Host(host.into(), port)
        })
    }
}

/// Reads `192.0.2.1:80` and `[2001:db8::1]:80`.
pub(crate) fn parse(text: &str) -> Result<SocketAddr, AddressError> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    Err(if bare.parse::<IpAddr>().is_ok() {
        AddressError::MissingPort(text.to_owned())
    } else if text
        .rsplit_once(':')
        .is_some_and(|(host, port)| is_host_name(host) && port.parse::<u16>().is_ok())
    {
        AddressError::HostName(text.to_owned())
    } else {
        AddressError::Malformed(text.to_owned())
    })
}

/// Reads an IP address, which stands beside its port.
pub(crate) fn parse_ip(text: &str) -> Result<IpAddr, AddressError> {
    text.parse().map_err(|_| {
        if is_host_name(text) {
            AddressError::HostName(text.to_owned())
        } else {
            AddressError::Malformed(text.to_owned())
        }
    })
}

fn is_host_name(text: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    text.starts_with(char::is_alphabetic) && text.chars().all(letter)
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressError::MissingPort(text) => {
                let bracketed = text.contains(':') && !text.starts_with('[');
                let (open, close) = if bracketed { ("[", "]") } else { ("", "") };
                write!(
                    f,
                    "{text:?} names no port: write {open}{text}{close}:80 for port 80"
                )
            }
            AddressError::HostName(text) => write!(
                f,
                "{text:?} has the name of a host where an IP address has to be; names are looked up by `Network::new(&reactor).connect_tcp({text:?}, …)` of `deferred`, and by endpoints such as `tcp:HOST:PORT`"
            ),
            AddressError::Malformed(text) => write!(
                f,
                "{text:?} is not an address and a port, such as 192.0.2.1:80 or [2001:db8::1]:80"
            ),
            AddressError::NotIp(address) => write!(
                f,
                "{address} is not an IP address with a port; give one of TCP or UDP"
            ),
            AddressError::EmptyPath => f.write_str("the path of the UNIX socket is empty"),
            AddressError::PathTooLong(path) => write!(
                f,
                "{path:?} is too long for a UNIX socket, {} bytes; choose a shorter path, or a relative one",
                path.as_os_str().len()
            ),
            AddressError::ZeroInPath(path) => write!(f, "{path:?} has a zero byte in it"),
        }
    }
}

impl Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_to_write() {
        for (text, wanted) in [
            ("127.0.0.1", "write 127.0.0.1:80 for port 80"),
            ("::1", "write [::1]:80 for port 80"),
            ("[::1]", "write [::1]:80 for port 80"),
            ("example.org:80", "the name of a host"),
            ("localhost:80", "the name of a host"),
            ("8007", "is not an address and a port"),
            ("", "is not an address and a port"),
            ("127.0.0.1:", "is not an address and a port"),
            ("127.0.0.1:65536", "is not an address and a port"),
            ("example.org:http", "is not an address and a port"),
            (":80", "is not an address and a port"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
