use retwist_reactor::{
    Address, ConnectError, Connector, Factory, FactoryRef, ProtocolRef, Reason, chain,
};
use retwist_tls::Identity;

use super::description::Value;
use super::{EndpointError, Mistake};

/// The certificate and the key in these files, of which one may contain both; none if neither is
/// given.
pub(super) fn identity(
    certificate: Option<Value<'_>>,
    key: Option<Value<'_>>,
) -> Result<Option<Identity>, EndpointError> {
    let (identity, blamed) = match (certificate, key) {
        (Some(certificate), Some(key)) => (
            Identity::from_pem_files(&certificate.value, &key.value),
            certificate,
        ),
        (Some(both), None) | (None, Some(both)) => (Identity::from_pem_file(&both.value), both),
        (None, None) => return Ok(None),
    };
    identity
        .map(Some)
        .map_err(|error| blamed.mistake(Mistake::Tls(chain(&error))))
}

/// A factory that is shared already, under another one.
pub(super) struct Wrapped(pub(super) FactoryRef);

impl Factory for Wrapped {
    fn build_protocol(&self, peer: &Address) -> Option<ProtocolRef> {
        self.0.get().build_protocol(peer)
    }

    fn start_factory(&self) {
        self.0.start();
    }

    fn stop_factory(&self) {
        self.0.stop();
    }

    fn started_connecting(&self, connector: &Connector) {
        self.0.get().started_connecting(connector);
    }

    fn client_connection_failed(&self, connector: &Connector, error: &ConnectError) {
        self.0.get().client_connection_failed(connector, error);
    }

    fn client_connection_lost(&self, connector: &Connector, reason: &Reason) {
        self.0.get().client_connection_lost(connector, reason);
    }
}
