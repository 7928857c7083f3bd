use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// The type of a record, which a question names.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::names::RecordType;
///
/// assert_eq!("mx".parse(), Ok(RecordType::Mx));
/// assert_eq!("TYPE257".parse(), Ok(RecordType::Other(257))); // CAA
/// assert_eq!(RecordType::Other(257).to_string(), "TYPE257");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordType {
    /// An IPv4 address.
    A,
    /// An IPv6 address.
    Aaaa,
    /// The name that this one stands for.
    Cname,
    /// A server that takes mail for this domain.
    Mx,
    /// A name server of this zone.
    Ns,
    /// The name of an address, under `in-addr.arpa` or `ip6.arpa`.
    Ptr,
    /// The beginning of a zone: its primary server, its version, and how long absence may be kept.
    Soa,
    /// A server that offers a service of this domain.
    Srv,
    /// Texts.
    Txt,
    /// Any other type, by its number: <https://www.iana.org/assignments/dns-parameters>. 255 asks
    /// for all types.
    Other(u16),
}

const NAMED: [(RecordType, u16, &str); 9] = [
    (RecordType::A, 1, "A"),
    (RecordType::Ns, 2, "NS"),
    (RecordType::Cname, 5, "CNAME"),
    (RecordType::Soa, 6, "SOA"),
    (RecordType::Ptr, 12, "PTR"),
    (RecordType::Mx, 15, "MX"),
    (RecordType::Txt, 16, "TXT"),
    (RecordType::Aaaa, 28, "AAAA"),
    (RecordType::Srv, 33, "SRV"),
];

/// The type that stands for all types, in a question.
const ANY: u16 = 255;

impl RecordType {
    /// Whether a record of the type `other` is one that this asks for.
    pub(super) fn asks_for(self, other: RecordType) -> bool {
        self == other || self == RecordType::Other(ANY)
    }
}

impl From<u16> for RecordType {
    fn from(number: u16) -> Self {
        let named = NAMED.iter().find(|named| named.1 == number);
        named.map_or(RecordType::Other(number), |named| named.0)
    }
}

impl From<RecordType> for u16 {
    fn from(kind: RecordType) -> u16 {
        match kind {
            RecordType::Other(number) => number,
            kind => {
                let named = NAMED.iter().find(|named| named.0 == kind);
                named.map_or(0, |named| named.1)
            }
        }
    }
}

/// The name of the type; `TYPE257` for one that has none here (RFC 3597).
impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMED.iter().find(|named| named.0 == *self) {
            Some(named) => f.write_str(named.2),
            None => write!(f, "TYPE{}", u16::from(*self)),
        }
    }
}

impl FromStr for RecordType {
    type Err = UnknownRecordType;

    fn from_str(text: &str) -> Result<Self, UnknownRecordType> {
        let upper = text.to_ascii_uppercase();
        if let Some(named) = NAMED.iter().find(|named| named.2 == upper) {
            return Ok(named.0);
        }
        let number = match &*upper {
            "ANY" => Some(ANY),
            upper => upper
                .strip_prefix("TYPE")
                .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|digits| digits.parse().ok()),
        };
        let number: u16 = number.ok_or_else(|| UnknownRecordType(text.to_owned()))?;
        Ok(number.into())
    }
}

/// A text that names no type of record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRecordType(pub(super) String);

impl fmt::Display for UnknownRecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a type of record: write A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT, ANY, or TYPE with a number",
            self.0
        )
    }
}

impl Error for UnknownRecordType {}
