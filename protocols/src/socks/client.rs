use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::{ProtocolRef, TransportRef};

use super::error::{SocksError, SocksReply};
use super::messages::address_length;
use super::request::put_address;
use crate::{Destination, Opening, OpeningLayer, Policy, Step};

/// Goes through a SOCKS 5 proxy (RFC 1928). The connection is made to the proxy, and the protocol above
/// hears `connection_made` once the proxy has connected to the destination.
///
/// If the proxy does not connect, the protocol above hears `connection_lost` with a [`SocksError`].
/// `peer()` is the proxy.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{Destination, FactoryPolicy, SocksClient};
/// use retwist::{Protocol, TransportRef, factory};
///
/// struct Hello;
///
/// impl Protocol for Hello {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         transport.write(b"hello\r\n");
///     }
/// }
///
/// let through = SocksClient::to(Destination::new("example.org", 7)?).user("me", "secret");
/// let factory = through.factory(factory(|_| Hello)); // for connect_tcp_factory to the proxy
/// # fn is_factory(_: impl retwist::Factory) {}
/// # is_factory(factory);
/// # Ok::<(), retwist::protocols::BadHostName>(())
/// ```
#[derive(Clone)]
pub struct SocksClient {
    destination: Destination,
    credentials: Option<Credentials>,
    deadline: Duration,
}

#[derive(Clone)]
struct Credentials {
    user: Rc<[u8]>,
    password: Rc<[u8]>,
}

impl SocksClient {
    /// Connects to `destination`, without authentication. The proxy looks its name up.
    pub fn to(destination: Destination) -> Self {
        SocksClient {
            destination,
            credentials: None,
            deadline: Duration::from_secs(30),
        }
    }

    /// Sends a user and a password (RFC 1929), of 1 to 255 bytes each, if the proxy asks for them.
    /// They are not encrypted.
    #[must_use]
    pub fn user(self, user: impl AsRef<[u8]>, password: impl AsRef<[u8]>) -> Self {
        let credentials = Some(Credentials {
            user: user.as_ref().into(),
            password: password.as_ref().into(),
        });
        SocksClient {
            credentials,
            ..self
        }
    }

    /// Sets how long the proxy may take; 30 s by default.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        SocksClient { deadline, ..self }
    }
}

impl Policy for SocksClient {
    type Layer = OpeningLayer<SocksHandshake>;

    fn layer(&self, above: ProtocolRef) -> Rc<Self::Layer> {
        let handshake = SocksHandshake {
            client: self.clone(),
            expected: Expected::Method,
        };
        OpeningLayer::new(handshake, above)
    }
}

/// The handshake that [`SocksClient`] makes on one connection.
#[derive(Debug)]
pub struct SocksHandshake {
    client: SocksClient,
    expected: Expected,
}

/// The proxy's next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Method,
    Verdict,
    Reply,
}

impl SocksHandshake {
    fn send_request(&mut self, message: &mut Vec<u8>) {
        self.expected = Expected::Reply;
        message.extend([5, 1, 0]);
        match &self.client.destination {
            Destination::Ip(address) => put_address(message, *address),
            Destination::Domain(name, port) => {
                put_field(message, 3, name.as_str().as_bytes());
                message.extend(port.to_be_bytes());
            }
        }
    }

    fn method(&mut self, method: u8, message: &mut Vec<u8>) -> Result<(), SocksError> {
        match (method, &self.client.credentials) {
            (0, _) => self.send_request(message),
            (2, Some(Credentials { user, password })) => {
                let fits = |field: &[u8]| (1..=255).contains(&field.len());
                if !fits(user) || !fits(password) {
                    return Err(SocksError::BadCredentials);
                }
                put_field(message, 1, user);
                message.push(password.len() as u8);
                message.extend_from_slice(password);
                self.expected = Expected::Verdict;
            }
            _ => return Err(SocksError::NoMethod),
        }
        Ok(())
    }
}

/// Appends a byte, and a field of at most 255 bytes with its length before it.
fn put_field(message: &mut Vec<u8>, first: u8, field: &[u8]) {
    message.extend([first, field.len() as u8]);
    message.extend_from_slice(field);
}

impl Opening for SocksHandshake {
    type Error = SocksError;

    fn begin(&mut self, _: &TransportRef, greeting: &mut Vec<u8>) -> Result<Step, SocksError> {
        greeting.extend_from_slice(match self.client.credentials {
            Some(_) => &[5, 2, 0, 2],
            None => &[5, 1, 0],
        });
        Ok(Step::used(0))
    }

    fn advance(&mut self, bytes: &[u8], message: &mut Vec<u8>) -> Result<Step, SocksError> {
        match (self.expected, bytes) {
            (Expected::Method, &[5, method, ..]) => {
                self.method(method, message)?;
                Ok(Step::used(2))
            }
            (Expected::Verdict, &[1, 0, ..]) => {
                self.send_request(message);
                Ok(Step::used(2))
            }
            (Expected::Verdict, &[1, _, ..]) => Err(SocksError::BadCredentials),
            (Expected::Reply, [5, code @ 1..=255, ..]) => {
                Err(SocksError::Refused(SocksReply::from_code(*code)))
            }
            (Expected::Reply, [5, _, rest @ ..]) => {
                let address = rest.get(1..).unwrap_or_default();
                Ok(match address_length(address)? {
                    Some(length) if address.len() >= length => Step::done(3 + length),
                    _ => Step::used(0),
                })
            }
            (_, []) | (Expected::Method | Expected::Reply, [5]) | (Expected::Verdict, [1]) => {
                Ok(Step::used(0))
            }
            (_, &[version, ..]) => Err(SocksError::BadVersion(version)),
        }
    }

    fn deadline(&self) -> Duration {
        self.client.deadline
    }
}

impl fmt::Debug for SocksClient {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocksClient")
            .field("destination", &self.destination)
            .field("authenticates", &self.credentials.is_some())
            .finish_non_exhaustive()
    }
}
