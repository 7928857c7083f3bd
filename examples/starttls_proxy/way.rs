use std::fmt;
use std::str::FromStr;

use retwist::protocols::{Dialect, UnknownDialect};

/// How TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// In the middle of a conversation.
    StartTls(Dialect),
    /// With the first byte.
    Tls,
    /// Behind a PROXY header.
    ProxyHeader,
    /// Behind the answer of an HTTP proxy.
    Http,
    /// Behind the answer of a SOCKS proxy.
    Socks,
}

impl Way {
    /// The dialect that lies inside TLS, for those that are known.
    pub(crate) fn dialect(self) -> Option<Dialect> {
        match self {
            Way::StartTls(dialect) => Some(dialect),
            _ => None,
        }
    }
}

impl FromStr for Way {
    type Err = UnknownWay;

    fn from_str(name: &str) -> Result<Self, UnknownWay> {
        match name {
            "tls" => Ok(Way::Tls),
            "proxy" => Ok(Way::ProxyHeader),
            "http" => Ok(Way::Http),
            "socks" => Ok(Way::Socks),
            name => name.parse().map(Way::StartTls).map_err(UnknownWay),
        }
    }
}

#[derive(Debug)]
pub(crate) struct UnknownWay(UnknownDialect);

impl fmt::Display for UnknownWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, tls, proxy, http, socks", self.0)
    }
}

impl std::error::Error for UnknownWay {}
