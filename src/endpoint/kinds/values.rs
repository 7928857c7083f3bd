//! Values that several kinds have.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};
use std::time::Duration;

use retwist_deferred::ascii_host;
use retwist_protocols::Destination;

use crate::endpoint::{EndpointError, Mistake, Position, Value};

/// A port to connect to.
pub(super) fn port(value: &Value) -> Result<u16, EndpointError> {
    let wanted = "a port, a number from 1 to 65535";
    value.read(wanted, |port| port.parse().ok().filter(|port| *port > 0))
}

/// A time above zero.
pub(super) fn seconds(value: &Value) -> Result<Duration, EndpointError> {
    value.read("a number of seconds above 0", |text| {
        let duration = Duration::try_from_secs_f64(text.parse().ok()?).ok()?;
        (!duration.is_zero()).then_some(duration)
    })
}

/// A number of bytes, of bytes a second, or of other things, at least 1.
pub(super) fn count(value: &Value) -> Result<u32, EndpointError> {
    let wanted = "a number from 1 to 4294967295";
    value.read(wanted, |text| text.parse().ok().filter(|count| *count > 0))
}

pub(super) fn yes(value: Option<Value>) -> Result<bool, EndpointError> {
    let Some(value) = value else {
        return Ok(false);
    };
    value.read("yes or no", |text| match text {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    })
}

/// A list with commas between its items.
pub(super) fn list<T>(
    value: &Value,
    wanted: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, EndpointError> {
    value.read(wanted, |text| text.split(',').map(read).collect())
}

/// The name of a host, in its ASCII form, or an address.
pub(super) fn host(value: &Value) -> Result<String, EndpointError> {
    value.read("the name or address of a host", |host| {
        ascii_host(host).ok().map(Cow::into_owned)
    })
}

/// Where a proxy connects to: the value of the host, its name, and both with the port.
pub(super) fn destination(
    position: &Position,
    host: Option<Value>,
    port_given: Option<Value>,
) -> Result<(Value, String, Destination), EndpointError> {
    let given = host.ok_or_else(|| position.missing("host"))?;
    let name = self::host(&given)?;
    let port = port(&port_given.ok_or_else(|| position.missing("port"))?)?;
    let wanted = "the name or address of a host";
    let destination = given.read(wanted, |_| Destination::new(&name, port).ok())?;
    Ok((given, name, destination))
}

/// The user of a proxy, with the password; `None` without both.
pub(super) fn user(
    position: &Position,
    user: Option<Value>,
    password: Option<Value>,
) -> Result<Option<(Value, Value)>, EndpointError> {
    match (user, password) {
        (Some(user), Some(password)) => Ok(Some((user, password))),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(position.missing("user")),
        (Some(_), None) => Err(position.missing("password")),
    }
}

/// An address and a port in one value: `192.0.2.1:25`, with the colons escaped.
pub(super) fn address(value: &Value) -> Result<SocketAddr, EndpointError> {
    let wanted = r"an IP address and a port, such as 192.0.2.1\:25 or [\:\:1]\:25";
    value.read(wanted, |text| text.parse().ok())
}

/// An address of this machine with a port.
pub(super) fn interface(
    value: &Value,
    port: u16,
    localhost: IpAddr,
    wanted: &'static str,
    fits: fn(&SocketAddr) -> bool,
) -> Result<SocketAddr, EndpointError> {
    value.read(wanted, |text| match text {
        "localhost" => Some(SocketAddr::new(localhost, port)),
        _ => literal(text, port).filter(fits),
    })
}

/// An IP address in text, with a port. An IPv6 address may have a scope, which is a number or the
/// name of an interface: `fe80::1%eth0`.
pub(super) fn literal(text: &str, port: u16) -> Option<SocketAddr> {
    let Some((address, scope)) = text.split_once('%') else {
        return Some(SocketAddr::new(text.parse().ok()?, port));
    };
    let address: Ipv6Addr = address.parse().ok()?;
    if let Ok(scope) = scope.parse() {
        return Some(SocketAddrV6::new(address, port, 0, scope).into());
    }
    // The system knows the number of the interface. With an address, it asks no name server.
    (text, port).to_socket_addrs().ok()?.next()
}

/// The host without the scope of its address, which no certificate names.
pub(super) fn without_scope(host: &str) -> &str {
    match host.split_once('%') {
        Some((address, _)) if address.parse::<Ipv6Addr>().is_ok() => address,
        _ => host,
    }
}

/// The error of a library about the values as a whole.
pub(super) fn refused(position: &Position, error: &dyn std::error::Error) -> EndpointError {
    position.mistake(Mistake::Tls(retwist_reactor::error_chain(error)))
}
