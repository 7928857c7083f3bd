use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use memchr::memmem;
use retwist_reactor::{ProtocolRef, TransportRef};

use crate::{Destination, Opening, OpeningLayer, Policy, Step};

/// Goes through an HTTP proxy with the method CONNECT: the connection is made to the proxy, and the
/// protocol above hears `connection_made` once the proxy has connected to the destination.
///
/// If it does not, the protocol above hears `connection_lost` with a [`HttpConnectError`]. `peer()`
/// is the proxy.
///
/// ```
/// use retwist_protocols::{Destination, HttpConnect, Policy};
/// use retwist_reactor::{Protocol, ProtocolRef};
///
/// fn through_proxy(protocol: impl Protocol) -> Result<ProtocolRef, retwist_protocols::BadHostName> {
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
    /// To `destination`, of which a name is looked up by the proxy.
    pub fn to(destination: Destination) -> Self {
        HttpConnect {
            destination,
            credentials: None,
            deadline: Duration::from_secs(30),
        }
    }

    /// With a user and a password (Basic authentication, RFC 7617). They go over the network as
    /// good as in clear. A user cannot contain a colon.
    #[must_use]
    pub fn user(self, user: &str, password: &str) -> Self {
        let credentials = base64(format!("{user}:{password}").as_bytes());
        HttpConnect {
            credentials: Some(credentials.into()),
            ..self
        }
    }

    /// How long the proxy may take, 30 s unless said otherwise.
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

/// The request of one connection: what [`HttpConnect`] makes for each.
#[derive(Debug)]
pub struct HttpHandshake {
    client: HttpConnect,
    /// How many bytes of the answer have been searched for its end.
    searched: usize,
}

/// What ends the head of an answer.
const END: &[u8] = b"\r\n\r\n";

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
        let from = self.searched.saturating_sub(END.len() - 1);
        let Some(at) = memmem::find(&bytes[from..], END) else {
            self.searched = bytes.len();
            return Ok(Step::used(0));
        };
        self.searched = 0;
        let used = from + at + END.len();
        match status(bytes)? {
            // Something is on its way; the answer comes behind it.
            100..=199 => Ok(Step::used(used)),
            200..=299 => Ok(Step::done(used)),
            status => Err(HttpConnectError::Refused(status)),
        }
    }

    fn deadline(&self) -> Duration {
        self.client.deadline
    }
}

/// The status of an answer that begins with `HTTP/1.`: a digit, a space, three digits, a space or
/// the end of the line.
fn status(answer: &[u8]) -> Result<u16, HttpConnectError> {
    let Some(&[minor, b' ', a @ b'1'..=b'9', b, c, b' ' | b'\r']) = answer.get(7..13) else {
        return Err(HttpConnectError::NotHttp);
    };
    match [minor, a, b, c].iter().all(u8::is_ascii_digit) {
        true => Ok([a, b, c]
            .iter()
            .fold(0, |status, digit| status * 10 + u16::from(digit - b'0'))),
        false => Err(HttpConnectError::NotHttp),
    }
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, index| {
            bits << 8 | u32::from(group.get(index).copied().unwrap_or(0))
        });
        for place in 0..4 {
            text.push(match place <= group.len() {
                true => char::from(ALPHABET[(bits >> (18 - 6 * place) & 0x3f) as usize]),
                false => '=',
            });
        }
    }
    text
}

/// An HTTP proxy did not connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HttpConnectError {
    /// What it answers is not HTTP/1.
    NotHttp,
    /// It answered with this status: 407 wants a user and a password, 403 does not allow the
    /// destination, 502 and 504 did not reach it.
    Refused(u16),
}

impl fmt::Display for HttpConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpConnectError::NotHttp => f.write_str("the proxy does not speak HTTP/1"),
            HttpConnectError::Refused(407) => {
                f.write_str("the HTTP proxy wants another user and password (status 407)")
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
    fn base64_is_that_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_status_is_three_digits() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n\r\n"), Ok(200));
        assert_eq!(status(b"HTTP/1.0 407\r\n\r\n"), Ok(407));
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
