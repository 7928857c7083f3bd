use std::error::Error;
use std::fmt;

/// The reason why a proxy does not connect: a reply of SOCKS 5 (RFC 1928, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocksReply {
    /// A failure that has no code of its own, or a malformed request.
    GeneralFailure,
    /// The rules of the proxy do not allow the connection.
    NotAllowed,
    /// The network is unreachable.
    NetworkUnreachable,
    /// The host is unreachable, or its name is unknown.
    HostUnreachable,
    /// The destination refused the connection.
    ConnectionRefused,
    /// Connecting took too long.
    TtlExpired,
    /// The client asked for something else than a connection.
    CommandNotSupported,
    /// The address is neither IPv4 nor IPv6 nor a name.
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

/// The reason why a SOCKS handshake failed: an error of the other side, or its refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocksError {
    /// A message begins with this version, which is not the expected one.
    BadVersion(u8),
    /// A message is malformed.
    Malformed,
    /// The address is of this kind, which is neither IPv4 nor IPv6 nor a name.
    AddressType(u8),
    /// A field that ends in a zero byte has more than this many bytes.
    TooLong(usize),
    /// The proxy accepts none of the authentication methods that this side offers.
    NoMethod,
    /// The proxy rejects the user and password. Those that are empty or longer than 255 bytes are not
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
