use std::error::Error;
use std::fmt;

use retwist_reactor::Address;

/// A connection does not begin with a valid PROXY header from a trusted proxy.
#[doc(alias = "InvalidProxyHeader")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyError {
    /// The signature of neither version is at the beginning; probably a client connected directly.
    NoHeader,
    /// Version 1: more than 107 bytes without an end of line.
    LineTooLong,
    /// Version 1: the line does not follow the grammar.
    BadLine,
    /// Version 2: the byte with version and command, or with family and transport, is undefined.
    BadByte(u8),
    /// Version 2: the header announces this many bytes, more than the limit.
    TooLong {
        /// The length with the fixed part, in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Version 2: the addresses or a TLV do not fit into the header.
    Truncated,
    /// Version 2: the checksum is wrong.
    BadChecksum,
    /// The peer is not a trusted proxy.
    Untrusted(Address),
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProxyError::NoHeader => {
                f.write_str("no PROXY header came first; have the proxy send one, or listen elsewhere for direct clients")
            }
            ProxyError::LineTooLong => {
                f.write_str("the PROXY header does not end within 107 bytes")
            }
            ProxyError::BadLine => {
                f.write_str("the PROXY header is malformed")
            }
            ProxyError::BadByte(byte) => {
                write!(f, "the PROXY header contains the undefined code {byte:#04x}")
            }
            ProxyError::TooLong { length, limit } => write!(
                f,
                "the PROXY header announces {length} bytes, over the limit of {limit}; raise max_length if it was right to do so"
            ),
            ProxyError::Truncated => {
                f.write_str("the PROXY header is too short for what it contains")
            }
            ProxyError::BadChecksum => f.write_str("the PROXY header's checksum is wrong"),
            ProxyError::Untrusted(peer) => write!(
                f,
                "{peer} is no trusted proxy; add it to the trusted prefixes if it should be one"
            ),
        }
    }
}

impl Error for ProxyError {}
