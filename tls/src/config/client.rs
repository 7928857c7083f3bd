use std::sync::Arc;

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::{ClientConfig, KeyLogFile};

use super::sessions::ClientSessions;
use super::verifier;
use super::{ConfigError, Identities, Identity, TrustRoots, checked, crypto_provider, names};

/// Makes a client's configuration: TLS 1.2 and 1.3, the peer verified against given authorities,
/// sessions resumed, unless said otherwise.
///
/// ```no_run
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
/// use retwist::tls::{ClientOptions, TlsRole, TrustRoots};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = ClientOptions::new(TrustRoots::platform()?).alpn(["imap"]).build()?;
/// let role = TlsRole::client(config, "mail.example.org")?;
/// # Ok(()) }
/// ```
#[doc(alias = "optionsForClientTLS")]
#[derive(Clone, Debug)]
pub struct ClientOptions {
    roots: TrustRoots,
    identity: Option<Arc<dyn ResolvesClientCert>>,
    alpn: Vec<Vec<u8>>,
    resume: bool,
    log_keys: bool,
}

impl ClientOptions {
    /// A client that trusts these authorities.
    pub fn new(roots: TrustRoots) -> Self {
        ClientOptions {
            roots,
            identity: None,
            alpn: Vec::new(),
            resume: true,
            log_keys: false,
        }
    }

    /// Sets the certificate of the client, for servers that ask for one.
    #[must_use]
    pub fn identity(self, identity: Identity) -> Self {
        self.choosing(Identities::new(identity))
    }

    /// Sets what chooses the identity of the client by what the server asks for: [`Identities`], which can
    /// be renewed, or a resolver of your own.
    #[must_use]
    pub fn choosing(mut self, resolver: Arc<dyn ResolvesClientCert>) -> Self {
        self.identity = Some(resolver);
        self
    }

    /// The application protocols that it offers, best first. A server that speaks others only
    /// refuses; one that knows nothing of ALPN does not: see
    /// [`TlsInfo::speaks`](crate::TlsInfo::speaks).
    #[doc(alias = "acceptableProtocols")]
    #[must_use]
    pub fn alpn(mut self, protocols: impl IntoIterator<Item: AsRef<[u8]>>) -> Self {
        self.alpn = names(protocols);
        self
    }

    /// Every handshake is a full one.
    #[must_use]
    pub fn no_resumption(mut self) -> Self {
        self.resume = false;
        self
    }

    /// Appends the secrets of each connection to the file that `SSLKEYLOGFILE` names, for tools
    /// that look into recorded traffic.
    #[must_use]
    pub fn log_keys(mut self) -> Self {
        self.log_keys = true;
        self
    }

    /// The configuration. Sessions are resumed between connections that share it.
    pub fn build(self) -> Result<Arc<ClientConfig>, ConfigError> {
        let provider = crypto_provider();
        let verifier = verifier::of_servers(self.roots.clone(), provider.clone())?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(ConfigError::refused)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match self.identity {
            None => builder.with_no_client_auth(),
            Some(identities) => builder.with_client_cert_resolver(identities),
        };
        config.alpn_protocols = checked(self.alpn)?;
        config.resumption = if self.resume {
            Resumption::store(Arc::new(ClientSessions::new(self.roots)))
        } else {
            Resumption::disabled()
        };
        if self.log_keys {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(config.into())
    }
}
