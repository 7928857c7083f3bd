use std::convert::Infallible;
use std::rc::Rc;

use retwist_reactor::{ProtocolRef, TransportRef};

use super::header::ProxyHeader;
use crate::{Opening, OpeningLayer, Policy, Step};

/// Sends a header of the PROXY protocol first on each connection: for a proxy, towards its servers.
///
/// The protocol above hears `connection_made` right behind it. `peer()` and `host()` are those of
/// the connection.
///
/// ```
/// use retwist_protocols::{Policy, ProxyHeader, SendProxyHeader};
/// use retwist_reactor::{Protocol, ProtocolRef, TransportRef};
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
    /// As a line of version 1.
    pub fn v1(header: &ProxyHeader) -> Self {
        SendProxyHeader {
            header: header.to_v1().into(),
        }
    }

    /// In version 2.
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

/// The header for one connection: what [`SendProxyHeader`] makes for each.
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
