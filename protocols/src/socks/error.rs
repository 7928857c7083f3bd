use std::error::Error;
use std::fmt;

/// Why a proxy does not connect: the replies of SOCKS 5 (RFC 1928, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocksReply {
    /// Something went wrong that has no code of its own, or the request is malformed.
    GeneralFailure,
    /// The rules do not allow it.
    NotAllowed,
    /// There is no way to the network.
    NetworkUnreachable,
    /// There is no way to the host, or its name is not known.
    HostUnreachable,
    /// Nobody listens there.
    ConnectionRefused,
    /// It took too long.
    TtlExpired,
    /// Something else than to connect was asked for.
    CommandNotSupported,
    /// An address of another kind than IPv4, IPv6 or a name.
    AddressTypeNotSupported,
    /// A code that the RFC does not define.
    Other(u8),
}

impl SocksReply {
    pub(crate) fn code(self) -> u8 {
        match self {
            SocksReply::GeneralFailure => 1,
            SocksReply::NotAllowed => 2,
            SocksReply::NetworkUnreachable => 3,
            SocksReply::HostUnreachable => 4,
            SocksReply::ConnectionRefused => 5,
            SocksReply::TtlExpired => 6,
            SocksReply::CommandNotSupported => 7,
            SocksReply::AddressTypeNotSupported => 8,
            SocksReply::Other(code) => code,
        }
    }

    pub(crate) fn from_code(code: u8) -> Self {
        match code {
            1 => SocksReply::GeneralFailure,
            2 => SocksReply::NotAllowed,
            3 => SocksReply::NetworkUnreachable,
            4 => SocksReply::HostUnreachable,
            5 => SocksReply::ConnectionRefused,
            6 => SocksReply::TtlExpired,
            7 => SocksReply::CommandNotSupported,
            8 => SocksReply::AddressTypeNotSupported,
            code => SocksReply::Other(code),
        }
    }
}

impl fmt::Display for SocksReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SocksReply::GeneralFailure => "general failure",
            SocksReply::NotAllowed => "not allowed",
            SocksReply::NetworkUnreachable => "network unreachable",
            SocksReply::HostUnreachable => "host unreachable",
            SocksReply::ConnectionRefused => "connection refused",
            SocksReply::TtlExpired => "time to live expired",
            SocksReply::CommandNotSupported => "command not supported",
            SocksReply::AddressTypeNotSupported => "address type not supported",
            SocksReply::Other(code) => return write!(f, "code {code}"),
        })
    }
}

/// What the other side of a SOCKS handshake did wrong, or why it refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocksError {
    /// A message does not begin with the version that belongs there, but with this.
    BadVersion(u8),
    /// A message is not what the protocol says it should be.
    Malformed,
    /// The address is neither IPv4 nor IPv6 nor a name, but this.
    AddressType(u8),
    /// A field that ends in a zero has not ended after this many bytes.
    TooLong(usize),
    /// The proxy accepts none of the ways to authenticate that this side has.
    NoMethod,
    /// The proxy does not take the user and password; empty ones, and such over 255 bytes, are not
    /// even sent.
    BadCredentials,
    /// The proxy did not connect.
    Refused(SocksReply),
}

impl fmt::Display for SocksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SocksError::BadVersion(byte) => {
                write!(f, "the peer does not speak SOCKS here: version {byte}")
            }
            SocksError::Malformed => f.write_str("the peer sent a malformed SOCKS message"),
            SocksError::AddressType(kind) => {
                write!(f, "the peer sent an address of the unknown kind {kind}")
            }
            SocksError::TooLong(limit) => {
                write!(f, "the peer sent a field of more than {limit} bytes")
            }
            SocksError::NoMethod => f.write_str(
                "the SOCKS proxy wants another authentication; give it a user and password, or none",
            ),
            SocksError::BadCredentials => {
                f.write_str("the SOCKS proxy does not accept this user and password")
            }
            SocksError::Refused(reply) => write!(f, "the SOCKS proxy did not connect: {reply}"),
        }
    }
}

impl Error for SocksError {}
