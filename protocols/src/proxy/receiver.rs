use std::any::{Any, TypeId};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use retwist_reactor::{Address, ProtocolRef, TransportRef};

use super::error::ProxyError;
use super::header::ProxyHeader;
use super::{v1, v2};
use crate::{IpPrefix, Opening, OpeningLayer, Policy, Step};

/// Demands a header of the PROXY protocol, version 1 or 2, first on each connection, from a trusted
/// proxy.
///
/// The protocol above hears `connection_made` when the header is complete, and `peer()` and
/// `host()` are what it says, for everybody above; `LOCAL` and `UNKNOWN` leave them as they are.
/// What else the header contains is to be had from [`ProxyHeader::of`]. A header that is malformed,
/// too long or too late, or that comes from somebody else, closes the connection, and not a byte of
/// it is processed.
///
/// ```
/// use retwist_protocols::{FactoryPolicy, ProxyProtocol};
/// use retwist_reactor::{Protocol, TransportRef, factory};
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
/// # fn is_factory(_: impl retwist_reactor::Factory) {}
/// # is_factory(factory);
/// # Ok::<(), retwist_protocols::IpPrefixError>(())
/// ```
///
/// The factory inside is asked for a protocol before the header is there, with the address of the
/// proxy.
#[doc(alias = "HAProxyWrappingFactory")]
#[doc(alias = "proxyEndpoint")]
#[derive(Clone, Debug)]
pub struct ProxyProtocol {
    /// None for anyone.
    trusted: Option<Arc<[IpPrefix]>>,
    max_length: usize,
    deadline: Duration,
}

impl ProxyProtocol {
    /// From proxies with addresses in `trusted`. A peer that connects by way of this machine, over
    /// a UNIX socket or in memory, is trusted too.
    pub fn trusting(trusted: impl IntoIterator<Item = IpPrefix>) -> Self {
        ProxyProtocol {
            trusted: Some(trusted.into_iter().collect()),
            ..ProxyProtocol::trusting_anyone()
        }
    }

    /// From anyone: for a port that only the proxy can reach. Whoever else can reach it can claim
    /// to be anybody.
    pub fn trusting_anyone() -> Self {
        ProxyProtocol {
            trusted: None,
            max_length: 4096,
            deadline: Duration::from_secs(10),
        }
    }

    /// How long a header of version 2 may be, in bytes; 4096 unless said otherwise. One of version
    /// 1 has at most 107.
    #[must_use]
    pub fn max_length(self, bytes: usize) -> Self {
        ProxyProtocol {
            max_length: bytes,
            ..self
        }
    }

    /// How long the header may take; 10 s unless said otherwise.
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

/// The header of one connection, as it comes: what [`ProxyProtocol`] makes for each.
#[derive(Debug)]
pub struct ProxyReceiver {
    settings: ProxyProtocol,
    header: Option<Rc<ProxyHeader>>,
}

/// Takes a header of either version from the beginning of `bytes`.
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
        match self.settings.trusts(&peer) {
            true => Ok(Step::used(0)),
            false => Err(ProxyError::Untrusted(peer)),
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
