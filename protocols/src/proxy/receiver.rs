use std::any::{Any, TypeId};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use retwist_reactor::{Address, ProtocolRef, TransportRef};

use super::error::ProxyError;
use super::header::ProxyHeader;
use super::{v1, v2};
use crate::{IpPrefix, Opening, OpeningLayer, Policy, Step};

/// Requires each connection to begin with a header of the PROXY protocol, version 1 or 2, from a
/// trusted proxy.
///
/// The protocol above hears `connection_made` when the header is complete. For all layers above,
/// `peer()` and `host()` are the addresses in the header; `LOCAL` and `UNKNOWN` leave them as they
/// are. [`ProxyHeader::of`] returns the rest of the header. A header that is malformed, too long or
/// too late, or that comes from an untrusted peer, closes the connection, and the protocol above gets
/// no byte of it.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{FactoryPolicy, ProxyProtocol};
/// use retwist::{Protocol, TransportRef, factory};
///
/// struct Echo;
///
/// impl Protocol for Echo {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         println!("a client at {}", transport.peer());
///     }
///
///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
///         transport.write(data);
///     }
/// }
///
/// let proxied = ProxyProtocol::trusting(["10.0.0.0/8".parse()?, "::1".parse()?]);
/// let factory = proxied.factory(factory(|_| Echo));
/// # fn is_factory(_: impl retwist::Factory) {}
/// # is_factory(factory);
/// # Ok::<(), retwist::protocols::IpPrefixError>(())
/// ```
///
/// The inner factory makes the protocol before the header arrives, for the address of the proxy.
#[doc(alias = "HAProxyWrappingFactory")]
#[doc(alias = "proxyEndpoint")]
#[derive(Clone, Debug)]
pub struct ProxyProtocol {
    /// `None` trusts everyone.
    trusted: Option<Arc<[IpPrefix]>>,
    max_length: usize,
    deadline: Duration,
}

impl ProxyProtocol {
    /// Trusts proxies with addresses in `trusted`. A peer on this machine that has no IP address (a
    /// UNIX socket, memory) is trusted too.
    pub fn trusting(trusted: impl IntoIterator<Item = IpPrefix>) -> Self {
        ProxyProtocol {
            trusted: Some(trusted.into_iter().collect()),
            ..ProxyProtocol::trusting_anyone()
        }
    }

    /// Trusts every peer: for a port that only the proxy can reach. Any other peer that reaches it can
    /// claim any address.
    pub fn trusting_anyone() -> Self {
        ProxyProtocol {
            trusted: None,
            max_length: 4096,
            deadline: Duration::from_secs(10),
        }
    }

    /// Maximum length of a header of version 2, in bytes; 4096 by default. A header of version 1 has
    /// at most 107.
    #[must_use]
    pub fn max_length(self, bytes: usize) -> Self {
        ProxyProtocol {
            max_length: bytes,
            ..self
        }
    }

    /// Sets how long the header may take; 10 s by default.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        ProxyProtocol { deadline, ..self }
    }

    fn trusts(&self, peer: &Address) -> bool {
        let Some(trusted) = &self.trusted else {
            return true;
        };
        match peer {
            Address::Unix(_) | Address::Memory(_) => true,
            _ => peer
                .ip()
                .is_some_and(|ip| trusted.iter().any(|prefix| prefix.contains(ip))),
        }
    }
}

impl Policy for ProxyProtocol {
    type Layer = OpeningLayer<ProxyReceiver>;

    fn layer(&self, above: ProtocolRef) -> Rc<Self::Layer> {
        let receiver = ProxyReceiver {
            settings: self.clone(),
            header: None,
        };
        OpeningLayer::new(receiver, above)
    }
}

/// The opening that [`ProxyProtocol`] makes for one connection: it receives the header.
#[derive(Debug)]
pub struct ProxyReceiver {
    settings: ProxyProtocol,
    header: Option<Rc<ProxyHeader>>,
}

/// The header of either version at the beginning of `bytes`.
pub(crate) fn parse(
    bytes: &[u8],
    max_length: usize,
) -> Result<Option<(ProxyHeader, usize)>, ProxyError> {
    let begins = |signature: &[u8]| bytes.iter().zip(signature).all(|(byte, sign)| byte == sign);
    if begins(v1::SIGNATURE) && !bytes.is_empty() {
        v1::parse(bytes)
    } else if begins(v2::SIGNATURE) {
        v2::parse(bytes, max_length)
    } else {
        Err(ProxyError::NoHeader)
    }
}

impl Opening for ProxyReceiver {
    type Error = ProxyError;

    fn begin(&mut self, below: &TransportRef, _: &mut Vec<u8>) -> Result<Step, ProxyError> {
        let peer = below.peer();
        if self.settings.trusts(&peer) {
            Ok(Step::used(0))
        } else {
            Err(ProxyError::Untrusted(peer))
        }
    }

    fn advance(&mut self, bytes: &[u8], _: &mut Vec<u8>) -> Result<Step, ProxyError> {
        Ok(match parse(bytes, self.settings.max_length)? {
            Some((header, used)) => {
                self.header = Some(Rc::new(header));
                Step::done(used)
            }
            None => Step::used(0),
        })
    }

    fn limit(&self) -> usize {
        // The parsers have limits of their own.
        usize::MAX
    }

    fn deadline(&self) -> Duration {
        self.settings.deadline
    }

    fn peer(&self) -> Option<Address> {
        self.header.as_ref()?.source().cloned()
    }

    fn host(&self) -> Option<Address> {
        self.header.as_ref()?.destination().cloned()
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        if wanted != TypeId::of::<ProxyHeader>() {
            return None;
        }
        self.header.clone().map(|header| header as Rc<dyn Any>)
    }
}
