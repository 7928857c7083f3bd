use std::convert::Infallible;
use std::rc::Rc;

use retwist_reactor::{ProtocolRef, TransportRef};

use super::header::ProxyHeader;
use crate::{Opening, OpeningLayer, Policy, Step};

/// Begins each connection with a header of the PROXY protocol: for a proxy, towards its servers.
///
/// The protocol above hears `connection_made` right after the header. `peer()` and `host()` are the
/// addresses of the connection itself.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{Policy, ProxyHeader, SendProxyHeader};
/// use retwist::{Protocol, ProtocolRef, TransportRef};
///
/// /// `outbound`, for a connection on behalf of the client that holds `inbound`.
/// fn forwarded(inbound: &TransportRef, outbound: impl Protocol) -> ProtocolRef {
///     SendProxyHeader::v2(&ProxyHeader::on_behalf_of(inbound)).wrap(outbound)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct SendProxyHeader {
    header: Rc<[u8]>,
}

impl SendProxyHeader {
    /// Sends `header` as a line of version 1.
    pub fn v1(header: &ProxyHeader) -> Self {
        SendProxyHeader {
            header: header.to_v1().into(),
        }
    }

    /// Sends `header` in version 2.
    pub fn v2(header: &ProxyHeader) -> Self {
        SendProxyHeader {
            header: header.to_v2().into(),
        }
    }
}

impl Policy for SendProxyHeader {
    type Layer = OpeningLayer<ProxySender>;

    fn layer(&self, above: ProtocolRef) -> Rc<Self::Layer> {
        OpeningLayer::new(ProxySender(self.header.clone()), above)
    }
}

/// The opening that [`SendProxyHeader`] makes for one connection: it sends the header.
#[derive(Debug)]
pub struct ProxySender(Rc<[u8]>);

impl Opening for ProxySender {
    type Error = Infallible;

    fn begin(&mut self, _: &TransportRef, reply: &mut Vec<u8>) -> Result<Step, Infallible> {
        reply.extend_from_slice(&self.0);
        Ok(Step::done(0))
    }

    fn advance(&mut self, _: &[u8], _: &mut Vec<u8>) -> Result<Step, Infallible> {
        Ok(Step::done(0))
    }
}
