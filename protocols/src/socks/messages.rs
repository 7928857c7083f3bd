use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use memchr::memchr;

use super::error::SocksError;
use crate::{Destination, Frame, Framing, HostName};

/// The framing of a SOCKS handshake: the messages of a client.
#[derive(Debug, Default)]
pub(crate) struct SocksMessages {
    pub(crate) expected: Cell<Expected>,
}

/// The message that comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expected {
    /// The greeting of version 5, or the whole request of version 4.
    #[default]
    First,
    /// User and password (RFC 1929).
    Password,
    /// The request of version 5.
    Request,
}

/// The longest user or name in a request of version 4, without its zero.
const FIELD: usize = 255;

impl Framing for SocksMessages {
    type Unit<'a> = &'a [u8];
    type Error = SocksError;

    fn decode<'a>(
        &self,
        bytes: &'a [u8],
        _seen: usize,
    ) -> Result<Option<Frame<&'a [u8]>>, SocksError> {
        let length = match (self.expected.get(), bytes) {
            (_, []) => None,
            (Expected::First, [5, rest @ ..]) => {
                rest.first().map(|&methods| 2 + usize::from(methods))
            }
            (Expected::First, [4, ..]) => v4_length(bytes)?,
            (Expected::Password, [1, rest @ ..]) => password_length(rest),
            (Expected::Request, [5, rest @ ..]) => {
                address_length(rest.get(2..).unwrap_or_default())?.map(|address| 3 + address)
            }
            (_, &[version, ..]) => return Err(SocksError::BadVersion(version)),
        };
        Ok(length.and_then(|length| {
            Some(Frame {
                unit: bytes.get(..length)?,
                consumed: length,
            })
        }))
    }
}

fn v4_length(bytes: &[u8]) -> Result<Option<usize>, SocksError> {
    let Some(user) = zero_ended(bytes, 8)? else {
        return Ok(None);
    };
    if is_v4a(bytes) {
        zero_ended(bytes, user)
    } else {
        Ok(Some(user))
    }
}

/// Whether a name comes after the user: the address is 0.0.0.x, with x other than 0.
fn is_v4a(bytes: &[u8]) -> bool {
    matches!(bytes.get(4..8), Some(&[0, 0, 0, last]) if last != 0)
}

/// Where the field that begins at `start` ends, including its zero byte.
fn zero_ended(bytes: &[u8], start: usize) -> Result<Option<usize>, SocksError> {
    let field = bytes.get(start..).unwrap_or_default();
    match memchr(0, &field[..field.len().min(FIELD + 1)]) {
        Some(length) => Ok(Some(start + length + 1)),
        None if field.len() > FIELD => Err(SocksError::TooLong(FIELD)),
        None => Ok(None),
    }
}

fn password_length(rest: &[u8]) -> Option<usize> {
    let user = usize::from(*rest.first()?);
    let password = usize::from(*rest.get(1 + user)?);
    Some(3 + user + password)
}

/// How many bytes the kind, the address and the port take. `bytes` begin with the kind.
pub(crate) fn address_length(bytes: &[u8]) -> Result<Option<usize>, SocksError> {
    match bytes {
        [] | [3] => Ok(None),
        [1, ..] => Ok(Some(1 + 4 + 2)),
        [3, length, ..] => Ok(Some(2 + usize::from(*length) + 2)),
        [4, ..] => Ok(Some(1 + 16 + 2)),
        [kind, ..] => Err(SocksError::AddressType(*kind)),
    }
}

/// The destination at the end of a complete message of version 5: kind, address and port.
pub(crate) fn destination(address: &[u8]) -> Result<Destination, SocksError> {
    let (address, port) = address.split_last_chunk().ok_or(SocksError::Malformed)?;
    let port = u16::from_be_bytes(*port);
    match address {
        [1, v4 @ ..] => {
            let octets = <[u8; 4]>::try_from(v4).map_err(|_| SocksError::Malformed)?;
            Ok(SocketAddr::from((octets, port)).into())
        }
        [4, v6 @ ..] => {
            let octets = <[u8; 16]>::try_from(v6).map_err(|_| SocksError::Malformed)?;
            Ok(canonical(octets.into(), port))
        }
        [3, _, name @ ..] => named(name, port),
        _ => Err(SocksError::Malformed),
    }
}

/// A name that is written as an IP address becomes one, so that rules about addresses apply to it.
fn named(name: &[u8], port: u16) -> Result<Destination, SocksError> {
    let name = HostName::new(name).map_err(|_| SocksError::Malformed)?;
    Ok(match name.as_str().parse() {
        Ok(ip) => canonical(ip, port),
        Err(_) => Destination::Domain(name, port),
    })
}

/// An IPv4 address that is mapped into IPv6 becomes an IPv4 address, for the same reason.
fn canonical(ip: IpAddr, port: u16) -> Destination {
    SocketAddr::new(ip.to_canonical(), port).into()
}

/// Command, user and destination of a complete request of version 4 or 4a.
pub(crate) fn v4_request(bytes: &[u8]) -> Result<(u8, &[u8], Destination), SocksError> {
    let Some((&[_, command, high, low, a, b, c, d], fields)) = bytes.split_first_chunk() else {
        return Err(SocksError::Malformed);
    };
    let port = u16::from_be_bytes([high, low]);
    let mut fields = fields.split(|&byte| byte == 0);
    let user = fields.next().unwrap_or_default();
    let destination = if is_v4a(bytes) {
        named(fields.next().unwrap_or_default(), port)?
    } else {
        SocketAddr::from((Ipv4Addr::new(a, b, c, d), port)).into()
    };
    Ok((command, user, destination))
}

/// User and password of a complete message.
pub(crate) fn credentials(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&user, rest) = message.get(1..)?.split_first()?;
    let (user, rest) = rest.split_at_checked(usize::from(user))?;
    let (_, password) = rest.split_first()?;
    Some((user, password))
}
