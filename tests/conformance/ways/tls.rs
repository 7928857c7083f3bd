use std::sync::{Arc, OnceLock};

use rcgen::generate_simple_self_signed;
use retwist::tls::rustls::{ClientConfig, ServerConfig};
use retwist::tls::{ClientOptions, Identity, ServerOptions, TlsRole, TlsTransport, TrustRoots};
use retwist::{Layer, ProtocolRef};
use retwist_conformance::streams::{Ability, Facts, How, Layering};

/// TLS. A break below it shows, since it has an end of its own.
pub struct Tls;

impl Layering for Tls {
    fn new(_: &How) -> Self {
        Tls
    }

    fn client(&self, above: ProtocolRef) -> ProtocolRef {
        let role = TlsRole::client(configs().1.clone(), "localhost").unwrap();
        TlsTransport::new(role, above).as_protocol()
    }

    fn server(&self, above: ProtocolRef) -> ProtocolRef {
        TlsTransport::new(TlsRole::server(configs().0.clone()), above).as_protocol()
    }

    fn facts(below: Facts) -> Facts {
        below.with(Ability::ShowBreak)
    }
}

/// One certificate for all cases, and the roles that trust it.
pub fn configs() -> &'static (Arc<ServerConfig>, Arc<ClientConfig>) {
    static CONFIGS: OnceLock<(Arc<ServerConfig>, Arc<ClientConfig>)> = OnceLock::new();
    CONFIGS.get_or_init(|| {
        let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let identity = Identity::from_pem(&chain, &key).unwrap();
        let roots = TrustRoots::from_pem(&chain).unwrap();
        (
            ServerOptions::new(identity).build().unwrap(),
            ClientOptions::new(roots).build().unwrap(),
        )
    })
}
