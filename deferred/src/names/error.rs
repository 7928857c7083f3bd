use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use retwist_reactor::{ConnectError, ListenError, error_chain};

use super::RecordType;
use crate::ResolveError;

/// The reason why DNS has no answer.
#[derive(Clone, Debug)]
#[doc(alias = "DNSLookupError")]
#[non_exhaustive]
pub enum DnsError {
    /// No name in DNS can be this: a part is empty or longer than 63 bytes, or the whole is longer
    /// than 255. No server was asked.
    InvalidName(String),
    /// The name does not exist (NXDOMAIN).
    #[doc(alias = "DNSNameError")]
    NoSuchName(String),
    /// The name exists, and has no record of this type.
    #[doc(alias = "NoData")]
    NoRecords(String, RecordType),
    /// The host has no address, neither of IPv4 nor of IPv6.
    NoAddress(String),
    /// The domain says that it does not offer this: an SRV record with the target `.` (RFC 2782),
    /// or an MX record with the exchange `.` (RFC 7505).
    NotOffered(String),
    /// The name stands for another, and that for another, more than 16 times or in a circle.
    AliasLoop(String),
    /// There is no name server to ask.
    NoServers,
    /// No server has answered the question; each with the reason.
    #[doc(alias = "DNSServerError")]
    AllFailed(String, Vec<(SocketAddr, ServerError)>),
}

/// The reason why one name server has not answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ServerError {
    /// No answer within this time, as often as it was asked.
    #[doc(alias = "DNSQueryTimeoutError")]
    TimedOut(Duration),
    /// No name server listens there: ICMP has answered so.
    Refused,
    /// It answers with this code.
    Code(ResponseCode),
    /// Its answer cannot be read.
    Malformed,
    /// It knows no answer, and does not ask other servers for one.
    NotRecursive,
    /// The query was not sent: why.
    NotSent(String),
    /// No UDP port could be opened to ask it.
    NoPort(Arc<ListenError>),
    /// The answer is too long for UDP, and there was no connection over TCP.
    NotConnected(ConnectError),
    /// The answer is too long for UDP, and the connection over TCP has ended before it was there.
    Closed,
}

/// A code that is not that of an answer (RFC 6895, section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseCode(pub u16);

impl ResponseCode {
    /// The server could not read the question.
    pub const FORMERR: ResponseCode = ResponseCode(1);
    /// The server could not find an answer.
    pub const SERVFAIL: ResponseCode = ResponseCode(2);
    /// The server does not know how to answer such a question.
    pub const NOTIMP: ResponseCode = ResponseCode(4);
    /// The server does not want to answer.
    pub const REFUSED: ResponseCode = ResponseCode(5);
    /// The server knows another version of EDNS.
    pub const BADVERS: ResponseCode = ResponseCode(16);
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ResponseCode::FORMERR => f.write_str("FORMERR"),
            ResponseCode::SERVFAIL => f.write_str("SERVFAIL"),
            ResponseCode::NOTIMP => f.write_str("NOTIMP"),
            ResponseCode::REFUSED => f.write_str("REFUSED"),
            ResponseCode::BADVERS => f.write_str("BADVERS"),
            ResponseCode(code) => write!(f, "code {code}"),
        }
    }
}

impl DnsError {
    /// Whether servers have answered, and another question will get no other answer for a while.
    pub(super) fn is_absence(&self) -> bool {
        matches!(
            self,
            DnsError::NoSuchName(_) | DnsError::NoRecords(..) | DnsError::NoAddress(_)
        )
    }

    /// The same as the error of a [`Resolver`](crate::Resolver).
    pub(super) fn into_resolve_error(self, host: &str) -> ResolveError {
        match self {
            DnsError::InvalidName(_) => ResolveError::InvalidName(host.to_owned()),
            error if error.is_absence() => ResolveError::NoAddress(host.to_owned()),
            error => ResolveError::Failed(host.to_owned(), io::Error::other(error)),
        }
    }
}

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DnsError::InvalidName(name) => write!(f, "{name:?} cannot be a name in DNS"),
            DnsError::NoSuchName(name) => write!(f, "{name} does not exist"),
            DnsError::NoRecords(name, kind) => write!(f, "{name} has no record of type {kind}"),
            DnsError::NoAddress(name) => write!(f, "{name} has no address"),
            DnsError::NotOffered(name) => write!(f, "{name} says that it is not offered"),
            DnsError::AliasLoop(name) => {
                write!(
                    f,
                    "{name} stands for another name too many times, or in a circle"
                )
            }
            DnsError::NoServers => f.write_str("no name server is set to be asked"),
            DnsError::AllFailed(name, servers) => {
                write!(f, "no name server answers for {name}")?;
                for (index, (server, error)) in servers.iter().enumerate() {
                    let before = if index == 0 { ": " } else { "; " };
                    write!(f, "{before}{server} {}", error_chain(error))?;
                }
                Ok(())
            }
        }
    }
}

/// Goes behind the address of the server.
impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerError::TimedOut(limit) => {
                write!(f, "does not answer within {} s", limit.as_secs_f64())
            }
            ServerError::Refused => f.write_str("is not a name server: nothing listens there"),
            ServerError::Code(code) => write!(f, "answers {code}"),
            ServerError::Malformed => f.write_str("gives an answer that cannot be read"),
            ServerError::NotRecursive => f.write_str("knows only its own zones, and not this name"),
            ServerError::NotSent(why) => write!(f, "was not reached: {why}"),
            ServerError::NoPort(_) => f.write_str("was not asked"),
            ServerError::NotConnected(_) => f.write_str("cannot be connected over TCP"),
            ServerError::Closed => f.write_str("closes TCP before its answer is complete"),
        }
    }
}

impl Error for DnsError {}

impl Error for ServerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ServerError::NoPort(error) => Some(&**error),
            ServerError::NotConnected(error) => Some(error),
            _ => None,
        }
    }
}
