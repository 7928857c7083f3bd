use std::fmt::{self, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::RecordType;
use super::name::with_dot;

/// One record of DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The owner of the record. Names are in ASCII, without a dot at the end; the root is `.`. Bytes
    /// that are not printable are written as in RFC 1035: `\032`.
    pub name: String,
    /// How long it may still be kept.
    pub ttl: Duration,
    /// What it says.
    pub data: RecordData,
}

impl Record {
    /// Its type.
    pub fn kind(&self) -> RecordType {
        self.data.kind()
    }
}

/// The data of a record. It prints as zone files and `dig` have it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordData {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// The name that this one stands for.
    Cname(String),
    /// A server that takes mail.
    Mx(MailExchange),
    /// A name server.
    Ns(String),
    /// The name of an address.
    Ptr(String),
    /// The beginning of a zone.
    Soa(Soa),
    /// A server of a service.
    Srv(Service),
    /// Texts.
    Txt(Text),
    /// A record of another type: its bytes.
    Other(RecordType, Vec<u8>),
}

/// A server that takes mail for a domain (RFC 5321, section 5.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailExchange {
    /// The server with the lowest number is tried first.
    pub preference: u16,
    /// The name of the server.
    pub exchange: String,
}

/// A server that offers a service of a domain (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The servers with the lowest number are tried first.
    pub priority: u16,
    /// The share of the server among those of one priority.
    pub weight: u16,
    /// Its port.
    pub port: u16,
    /// Its name.
    pub target: String,
}

/// The texts of one TXT record: up to 255 bytes each, of which most readers make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The texts, byte by byte.
    pub parts: Vec<Vec<u8>>,
}

impl Text {
    /// All parts as one, with nothing between them, as SPF and DKIM want them read.
    pub fn joined(&self) -> Vec<u8> {
        self.parts.concat()
    }
}

/// The beginning of a zone (RFC 1035, section 3.3.13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Soa {
    /// The name server on which the zone is kept.
    pub primary: String,
    /// The mail address of the administrator, with a dot in place of the `@`.
    pub responsible: String,
    /// The version of the zone.
    pub serial: u32,
    /// Seconds until a secondary server asks again.
    pub refresh: i32,
    /// Seconds until it asks again when that has failed.
    pub retry: i32,
    /// Seconds after which it no longer answers for the zone.
    pub expire: i32,
    /// Seconds for which may be kept that something does not exist (RFC 2308).
    pub minimum: u32,
}

impl RecordData {
    /// Its type.
    pub fn kind(&self) -> RecordType {
        match self {
            RecordData::A(_) => RecordType::A,
            RecordData::Aaaa(_) => RecordType::Aaaa,
            RecordData::Cname(_) => RecordType::Cname,
            RecordData::Mx(_) => RecordType::Mx,
            RecordData::Ns(_) => RecordType::Ns,
            RecordData::Ptr(_) => RecordType::Ptr,
            RecordData::Soa(_) => RecordType::Soa,
            RecordData::Srv(_) => RecordType::Srv,
            RecordData::Txt(_) => RecordType::Txt,
            RecordData::Other(kind, _) => *kind,
        }
    }

    /// About how many bytes it takes beyond its own.
    pub(super) fn size(&self) -> usize {
        match self {
            RecordData::A(_) | RecordData::Aaaa(_) => 0,
            RecordData::Cname(name) | RecordData::Ns(name) | RecordData::Ptr(name) => name.len(),
            RecordData::Mx(mx) => mx.exchange.len(),
            RecordData::Soa(soa) => soa.primary.len() + soa.responsible.len(),
            RecordData::Srv(service) => service.target.len(),
            RecordData::Txt(text) => {
                let parts = text.parts.iter();
                parts.map(|part| part.len() + size_of::<Vec<u8>>()).sum()
            }
            RecordData::Other(_, bytes) => bytes.len(),
        }
    }
}

impl fmt::Display for RecordData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordData::A(address) => address.fmt(f),
            RecordData::Aaaa(address) => address.fmt(f),
            RecordData::Cname(name) | RecordData::Ns(name) | RecordData::Ptr(name) => {
                with_dot(name).fmt(f)
            }
            RecordData::Mx(mx) => write!(f, "{} {}", mx.preference, with_dot(&mx.exchange)),
            RecordData::Soa(soa) => write!(
                f,
                "{} {} {} {} {} {} {}",
                with_dot(&soa.primary),
                with_dot(&soa.responsible),
                soa.serial,
                soa.refresh,
                soa.retry,
                soa.expire,
                soa.minimum
            ),
            RecordData::Srv(service) => write!(
                f,
                "{} {} {} {}",
                service.priority,
                service.weight,
                service.port,
                with_dot(&service.target)
            ),
            RecordData::Txt(text) => text.fmt(f),
            RecordData::Other(_, bytes) => {
                // RFC 3597, as `dig` groups it.
                write!(f, "\\# {}", bytes.len())?;
                for group in bytes.chunks(32) {
                    f.write_char(' ')?;
                    for byte in group {
                        write!(f, "{byte:02X}")?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// Each part in quotes, with a blank between them.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                f.write_char(' ')?;
            }
            f.write_char('"')?;
            for byte in part {
                match byte {
                    b'"' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                    0x20..=0x7e => f.write_char(char::from(*byte))?,
                    _ => write!(f, "\\{byte:03}")?,
                }
            }
            f.write_char('"')?;
        }
        Ok(())
    }
}

/// The answer of DNS to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The name that the records belong to: the one that was asked for, or the last one of its
    /// aliases.
    pub canonical_name: String,
    /// The CNAME records that led there, in order.
    pub aliases: Vec<Record>,
    /// The records that were asked for, in the order of the answer; at least one.
    pub records: Vec<Record>,
}
