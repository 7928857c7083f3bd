use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use retwist_reactor::Address;

use super::crc32c::crc32c;
use super::error::ProxyError;
use super::header::{ProxyHeader, ProxyOrigin, Tlv};

/// The first bytes of every header.
pub(crate) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The signature, version and command, family and transport, length of the rest.
const FIXED: usize = 16;

/// The length of the path of a UNIX socket, zeros behind it included.
const PATH: usize = 108;

/// The header that `bytes` begin with, and its length; `None` if it is not complete. Fails as soon as
/// a header announces more than `limit` bytes.
pub(crate) fn parse(
    bytes: &[u8],
    limit: usize,
) -> Result<Option<(ProxyHeader, usize)>, ProxyError> {
    let Some(&[command, family, high, low]) = bytes.get(SIGNATURE.len()..FIXED) else {
        return Ok(None);
    };
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    if length > limit {
        return Err(ProxyError::TooLong { length, limit });
    }
    let local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(ProxyError::BadByte(command)),
    };
    // Nothing else in a LOCAL header counts, not even the family.
    if !local && (family >> 4 > 3 || family & 0xf > 2) {
        return Err(ProxyError::BadByte(family));
    }
    let Some(header) = bytes.get(..length) else {
        return Ok(None);
    };
    let tlvs = Vec::new();
    if local {
        let origin = ProxyOrigin::Local;
        return Ok(Some((ProxyHeader { origin, tlvs }, length)));
    }
    let mut rest = &header[FIXED..];
    let origin = match family {
        0x11 => client(&mut rest, ip::<4>)?,
        0x21 => client(&mut rest, ip::<16>)?,
        0x31 => client(&mut rest, |source, _| unix(source))?,
        // The family is unspecified, or is not one of streams: what follows has no meaning here.
        _ => {
            let origin = ProxyOrigin::Unknown;
            return Ok(Some((ProxyHeader { origin, tlvs }, length)));
        }
    };
    let tlvs = read_tlvs(header, header.len() - rest.len())?;
    Ok(Some((ProxyHeader { origin, tlvs }, length)))
}

/// Takes two addresses, and then the port of each, if addresses of this kind have ports.
fn client<const LENGTH: usize>(
    rest: &mut &[u8],
    address: fn(&[u8; LENGTH], u16) -> Address,
) -> Result<ProxyOrigin, ProxyError> {
    let source = take::<LENGTH>(rest)?;
    let destination = take::<LENGTH>(rest)?;
    let mut ports = [0; 2];
    if LENGTH != PATH {
        for port in &mut ports {
            *port = u16::from_be_bytes(*take(rest)?);
        }
    }
    Ok(ProxyOrigin::Client {
        source: address(source, ports[0]),
        destination: address(destination, ports[1]),
    })
}

fn take<'a, const LENGTH: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; LENGTH], ProxyError> {
    let (taken, behind) = rest.split_first_chunk().ok_or(ProxyError::Truncated)?;
    *rest = behind;
    Ok(taken)
}

fn ip<const LENGTH: usize>(octets: &[u8; LENGTH], port: u16) -> Address {
    let ip = match <[u8; 4]>::try_from(&octets[..]) {
        Ok(v4) => IpAddr::from(v4),
        Err(_) => {
            let mut v6 = [0; 16];
            v6.copy_from_slice(octets);
            IpAddr::from(v6)
        }
    };
    SocketAddr::new(ip, port).into()
}

fn unix(path: &[u8; PATH]) -> Address {
    let length = path.iter().position(|&byte| byte == 0).unwrap_or(PATH);
    let path = String::from_utf8_lossy(&path[..length]);
    Address::Unix((length > 0).then(|| Arc::from(Path::new(&*path))))
}

/// The TLVs in `header` from `start` on. They fill it exactly, and a checksum among them is right.
fn read_tlvs(header: &[u8], start: usize) -> Result<Vec<Tlv>, ProxyError> {
    let mut tlvs = Vec::new();
    let mut rest = &header[start..];
    while !rest.is_empty() {
        let &[kind, high, low] = take(&mut rest)?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let at = header.len() - rest.len();
        let value = rest.get(..length).ok_or(ProxyError::Truncated)?;
        rest = &rest[length..];
        match kind {
            Tlv::NOOP => {}
            Tlv::CRC32C => check(header, at, value)?,
            _ => tlvs.push(Tlv {
                kind,
                value: value.to_vec(),
            }),
        }
    }
    Ok(tlvs)
}

/// The checksum covers the whole header, with zeros in its own place.
fn check(header: &[u8], at: usize, value: &[u8]) -> Result<(), ProxyError> {
    let expected = <[u8; 4]>::try_from(value).map_err(|_| ProxyError::Truncated)?;
    let zeroed = header.iter().enumerate().map(|(index, &byte)| {
        if (at..at + value.len()).contains(&index) {
            0
        } else {
            byte
        }
    });
    if crc32c(zeroed) == u32::from_be_bytes(expected) {
        Ok(())
    } else {
        Err(ProxyError::BadChecksum)
    }
}

pub(crate) fn encode(header: &ProxyHeader) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.push(match header.origin {
        ProxyOrigin::Local => 0x20,
        ProxyOrigin::Unknown | ProxyOrigin::Client { .. } => 0x21,
    });
    let addressed = match &header.origin {
        ProxyOrigin::Client {
            source,
            destination,
        } => put_addresses(&mut bytes, source, destination),
        ProxyOrigin::Local | ProxyOrigin::Unknown => false,
    };
    if !addressed {
        // Without addresses a receiver ignores what follows.
        bytes.extend([0, 0, 0]);
        return bytes;
    }
    for Tlv { kind, value } in &header.tlvs {
        // With room for the checksum.
        if bytes.len() + 3 + value.len() + 7 <= FIXED + usize::from(u16::MAX) {
            put_tlv(&mut bytes, *kind, value);
        }
    }
    put_tlv(&mut bytes, Tlv::CRC32C, &[0; 4]);
    let length = (bytes.len() - FIXED) as u16;
    bytes[FIXED - 2..FIXED].copy_from_slice(&length.to_be_bytes());
    let checksum = crc32c(bytes.iter().copied());
    let at = bytes.len() - 4;
    bytes[at..].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

/// Appends the family, room for the length, and the addresses. Appends nothing and returns false if
/// they are not of one family.
fn put_addresses(bytes: &mut Vec<u8>, source: &Address, destination: &Address) -> bool {
    match (source, destination) {
        (Address::Tcp(SocketAddr::V4(from)), Address::Tcp(SocketAddr::V4(to))) => {
            bytes.extend([0x11, 0, 0]);
            bytes.extend(from.ip().octets());
            bytes.extend(to.ip().octets());
            bytes.extend(from.port().to_be_bytes());
            bytes.extend(to.port().to_be_bytes());
        }
        (Address::Tcp(SocketAddr::V6(from)), Address::Tcp(SocketAddr::V6(to))) => {
            bytes.extend([0x21, 0, 0]);
            bytes.extend(from.ip().octets());
            bytes.extend(to.ip().octets());
            bytes.extend(from.port().to_be_bytes());
            bytes.extend(to.port().to_be_bytes());
        }
        (Address::Unix(from), Address::Unix(to)) => {
            bytes.extend([0x31, 0, 0]);
            for path in [from, to] {
                let mut padded = [0; PATH];
                let path = path
                    .as_ref()
                    .map(|path| path.as_os_str().as_encoded_bytes());
                let path = path.unwrap_or_default();
                let length = path.len().min(PATH);
                padded[..length].copy_from_slice(&path[..length]);
                bytes.extend(padded);
            }
        }
        _ => return false,
    }
    true
}

fn put_tlv(bytes: &mut Vec<u8>, kind: u8, value: &[u8]) {
    bytes.push(kind);
    bytes.extend((value.len() as u16).to_be_bytes());
    bytes.extend(value);
}
