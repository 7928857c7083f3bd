use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr_iter;
use retwist_reactor::{ProtocolRef, TransportRef};

use crate::{Destination, Opening, OpeningLayer, Policy, Step};

/// Goes through an HTTP proxy with the method CONNECT (RFC 9110, section 9.3.6). The connection is made
/// to the proxy, and the protocol above hears `connection_made` once the proxy has connected to the
/// destination.
///
/// If the proxy does not connect, the protocol above hears `connection_lost` with a
/// [`HttpConnectError`]. `peer()` is the proxy.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{BadHostName, Destination, HttpConnect, Policy};
/// use retwist::{Protocol, ProtocolRef};
///
/// fn through_proxy(protocol: impl Protocol) -> Result<ProtocolRef, BadHostName> {
///     let destination = Destination::new("example.org", 443)?;
///     Ok(HttpConnect::to(destination).user("me", "secret").wrap(protocol))
/// }
/// ```
#[derive(Clone)]
pub struct HttpConnect {
    destination: Destination,
    credentials: Option<Rc<str>>,
    deadline: Duration,
}

impl HttpConnect {
    /// Connects to `destination`. The proxy looks its name up.
    pub fn to(destination: Destination) -> Self {
        HttpConnect {
            destination,
            credentials: None,
            deadline: Duration::from_secs(30),
        }
    }

    /// Sends a user and a password (Basic authentication, RFC 7617), encoded but not encrypted. A user
    /// cannot contain a colon.
    #[must_use]
    pub fn user(self, user: &str, password: &str) -> Self {
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        HttpConnect {
            credentials: Some(credentials.into()),
            ..self
        }
    }

    /// Sets how long the proxy may take; 30 s by default.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        HttpConnect { deadline, ..self }
    }
}

impl Policy for HttpConnect {
    type Layer = OpeningLayer<HttpHandshake>;

    fn layer(&self, above: ProtocolRef) -> Rc<Self::Layer> {
        let handshake = HttpHandshake {
            client: self.clone(),
            searched: 0,
        };
        OpeningLayer::new(handshake, above)
    }
}

/// The handshake that [`HttpConnect`] makes on one connection.
#[derive(Debug)]
pub struct HttpHandshake {
    client: HttpConnect,
    /// How many bytes of the answer were searched for its end.
    searched: usize,
}

/// Where the head of a message ends: behind an empty line. `searched` bytes contain no end.
///
/// Lines may end in a bare LF (RFC 9112, section 2.2): there are proxies that answer so.
pub(crate) fn head_end(answer: &[u8], searched: usize) -> Option<usize> {
    // The last line feed that was searched may be followed by an incomplete end.
    let from = searched.saturating_sub(2);
    memchr_iter(b'\n', &answer[from..]).find_map(|at| {
        let next = from + at + 1;
        match &answer[next..] {
            [b'\n', ..] => Some(next + 1),
            [b'\r', b'\n', ..] => Some(next + 2),
            _ => None,
        }
    })
}

impl Opening for HttpHandshake {
    type Error = HttpConnectError;

    fn begin(&mut self, _: &TransportRef, request: &mut Vec<u8>) -> Result<Step, HttpConnectError> {
        let destination = &self.client.destination;
        request
            .extend(format!("CONNECT {destination} HTTP/1.1\r\nHost: {destination}\r\n").bytes());
        if let Some(credentials) = &self.client.credentials {
            request.extend(format!("Proxy-Authorization: Basic {credentials}\r\n").bytes());
        }
        request.extend(b"\r\n");
        Ok(Step::used(0))
    }

    fn advance(&mut self, bytes: &[u8], _: &mut Vec<u8>) -> Result<Step, HttpConnectError> {
        let expected = b"HTTP/1.";
        if bytes
            .iter()
            .zip(expected)
            .any(|(byte, expected)| byte != expected)
        {
            return Err(HttpConnectError::NotHttp);
        }
        // Without waiting for the end of a head that is wrong.
        let status = match bytes.len() {
            ..STATUS_LINE => None,
            _ => Some(status(bytes)?),
        };
        let (Some(status), Some(used)) = (status, head_end(bytes, self.searched)) else {
            self.searched = bytes.len();
            return Ok(Step::used(0));
        };
        self.searched = 0;
        match status {
            // An interim answer: another one follows.
            100..=199 => Ok(Step::used(used)),
            200..=299 => Ok(Step::done(used)),
            status => Err(HttpConnectError::Refused(status)),
        }
    }

    fn deadline(&self) -> Duration {
        self.client.deadline
    }
}

/// How many bytes of an answer say what its status is.
const STATUS_LINE: usize = 13;

/// The status of an answer that begins with `HTTP/1.`: a digit, a space, three digits, a space or
/// the end of the line.
fn status(answer: &[u8]) -> Result<u16, HttpConnectError> {
    let Some(&[minor, b' ', a @ b'1'..=b'9', b, c, b' ' | b'\r' | b'\n']) =
        answer.get(7..STATUS_LINE)
    else {
        return Err(HttpConnectError::NotHttp);
    };
    if ![minor, a, b, c].iter().all(u8::is_ascii_digit) {
        return Err(HttpConnectError::NotHttp);
    }
    let digits = [a, b, c].map(|digit| u16::from(digit - b'0'));
    Ok(digits.iter().fold(0, |status, digit| status * 10 + digit))
}

/// An HTTP proxy did not connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpConnectError {
    /// The answer is not HTTP/1.
    NotHttp,
    /// The proxy answered with this status. 407 asks for a user and a password, 403 forbids the
    /// destination, 502 and 504 could not reach it.
    Refused(u16),
}

impl fmt::Display for HttpConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpConnectError::NotHttp => f.write_str("the proxy does not speak HTTP/1"),
            HttpConnectError::Refused(407) => {
                f.write_str("the HTTP proxy asks for another user and password (status 407)")
            }
            HttpConnectError::Refused(status) => {
                write!(f, "the HTTP proxy did not connect: status {status}")
            }
        }
    }
}

impl Error for HttpConnectError {}

impl fmt::Debug for HttpConnect {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConnect")
            .field("destination", &self.destination)
            .field("authenticates", &self.credentials.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_three_digits() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n\r\n"), Ok(200));
        assert_eq!(status(b"HTTP/1.0 407\r\n\r\n"), Ok(407));
        assert_eq!(status(b"HTTP/1.0 407\n\n"), Ok(407));
        for answer in [
            "HTTP/1.1 20\r\n\r\n",
            "HTTP/1.1 2000 \r\n\r\n",
            "HTTP/1.1  200 \r\n\r\n",
            "HTTP/1. 200\r\n\r\n",
        ] {
            assert_eq!(
                status(answer.as_bytes()),
                Err(HttpConnectError::NotHttp),
                "{answer}"
            );
        }
    }
}
