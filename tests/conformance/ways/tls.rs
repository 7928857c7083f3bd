use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rcgen::generate_simple_self_signed;
use retwist::tls::rustls::{ClientConfig, ServerConfig};
use retwist::tls::{ClientOptions, Identity, ServerOptions, TlsRole, TlsTransport, TrustRoots};
use retwist::{Clock, Layer, ProtocolRef};

use crate::way::{How, Way};

/// TLS, on any way, itself included.
pub struct Tls<W>(W);

impl<W: Way> Way for Tls<W> {
    const MUCH: usize = W::MUCH;
    const BREAKS_A_PAUSE: bool = W::BREAKS_A_PAUSE;

    fn new(how: How) -> Self {
        Tls(W::new(how))
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let (accepting, connecting) = configs();
        let server_role = TlsRole::server(accepting.clone());
        let client_role = TlsRole::client(connecting.clone(), "localhost").unwrap();
        self.0.connect(
            TlsTransport::new(client_role, client).as_protocol(),
            TlsTransport::new(server_role, server).as_protocol(),
        );
    }

    fn pass(&self, wait: Duration) {
        self.0.pass(wait);
    }

    fn one_pass(&self) {
        self.0.one_pass();
    }

    fn clock(&self) -> Clock {
        self.0.clock()
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
