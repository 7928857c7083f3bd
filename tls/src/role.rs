use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::server::ClientHello;
use rustls::{ClientConfig, ServerConfig};

use crate::TlsError;
use crate::config::bad_protocol_name;
use crate::witness::{noting_client, noting_server};

/// Which side of TLS to be, with what, and within which bounds.
///
/// It is said, never guessed from who dialled. A role is cheap to clone, and one serves any number
/// of connections.
///
/// The bounds can be set, all but one: a handshake message has at most 64 KiB, as in rustls, and a
/// peer that goes on beyond that ends with [`TlsError::HandshakeTooLarge`].
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
/// use retwist::tls::{ClientOptions, Identity, ServerOptions, TlsRole, TrustRoots};
/// use std::error::Error;
/// use std::time::Duration;
///
/// /// Both sides, with a certificate that is made on the spot by the crate `rcgen`.
/// fn roles() -> Result<(TlsRole, TlsRole), Box<dyn Error>> {
///     let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
///     let identity = Identity::from_pem(made.cert.pem(), made.signing_key.serialize_pem())?;
///     let server = TlsRole::server(ServerOptions::new(identity).build()?);
///
///     let roots = TrustRoots::from_pem(made.cert.pem())?;
///     let client = TlsRole::client(ClientOptions::new(roots).build()?, "localhost")?;
///     Ok((client, server.handshake_timeout(Duration::from_secs(5))))
/// }
/// # roles().unwrap();
/// ```
#[derive(Clone)]
pub struct TlsRole {
    pub(crate) side: Side,
    /// Of all connections in this role.
    pub(crate) bounds: Arc<Bounds>,
}

#[derive(Clone)]
pub(crate) enum Side {
    Server(Arc<ServerConfig>),
    Choosing(Choose),
    Client(Arc<ClientConfig>, ServerName<'static>),
}

/// Chooses the configuration for a ClientHello; none refuses it.
pub(crate) type Choose = Arc<dyn Fn(&ClientHello<'_>) -> Option<Arc<ServerConfig>> + Send + Sync>;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) handshake_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) output_limit: usize,
}

impl TlsRole {
    /// The side that shows a certificate. [`ServerOptions`](crate::ServerOptions) makes a
    /// configuration; any of rustls's own will do that accepts no early data.
    #[doc(alias = "CertificateOptions")]
    pub fn server(config: impl Into<Arc<ServerConfig>>) -> Self {
        Self::new(Side::Server(noting_server(&config.into())))
    }

    /// A server whose whole configuration depends on what the client asks for. `choose` sees the
    /// ClientHello before anything is answered, and returns `None` to refuse it. It is called for
    /// each connection, so it can follow a configuration that changes. It is [`Send`] and [`Sync`],
    /// so that the reactors of several threads can share the role.
    pub fn server_choosing(
        choose: impl Fn(&ClientHello<'_>) -> Option<Arc<ServerConfig>> + Send + Sync + 'static,
    ) -> Self {
        Self::new(Side::Choosing(Arc::new(choose)))
    }

    /// The side that wants to know who it talks to: `name`, a host name or an IP address, must be
    /// in the certificate that the other side shows. [`ClientOptions`](crate::ClientOptions) makes
    /// a configuration; any of rustls's own will do that sends no early data.
    #[doc(alias = "optionsForClientTLS")]
    pub fn client(config: impl Into<Arc<ClientConfig>>, name: &str) -> Result<Self, TlsError> {
        // The dot at the end of a fully qualified name is no part of what certificates name.
        let server_name = ServerName::try_from(name.strip_suffix('.').unwrap_or(name))
            .map_err(|_| TlsError::InvalidName(name.into()))?
            .to_owned();
        let config = config.into();
        if let Some(name) = bad_protocol_name(&config.alpn_protocols) {
            return Err(TlsError::InvalidProtocolName(name.into()));
        }
        if config.enable_early_data {
            return Err(TlsError::EarlyData);
        }
        Ok(Self::new(Side::Client(noting_client(&config), server_name)))
    }

    fn new(side: Side) -> Self {
        TlsRole {
            side,
            bounds: Arc::new(Bounds {
                handshake_timeout: Duration::from_secs(10),
                close_timeout: Duration::from_secs(10),
                output_limit: 16 << 20,
            }),
        }
    }

    /// Sets how long a handshake may take from start to end; 10 s unless set. After it the connection
    /// fails with [`TlsError::HandshakeTimeout`].
    #[must_use]
    pub fn handshake_timeout(mut self, limit: Duration) -> Self {
        Arc::make_mut(&mut self.bounds).handshake_timeout = limit;
        self
    }

    /// Sets how long [`stop_tls`](crate::stop_tls) waits for the peer's close_notify; 10 s unless set.
    /// After it the connection fails with [`TlsError::NoCloseNotify`]. A close does not wait for it:
    /// that bound is the transport's own.
    #[must_use]
    pub fn close_timeout(mut self, limit: Duration) -> Self {
        Arc::make_mut(&mut self.bounds).close_timeout = limit;
        self
    }

    /// Sets how many bytes may wait for the handshake to complete; 16 MiB unless set. A protocol that
    /// writes more loses its connection,
    /// [`Reason::OutputLimit`](retwist_reactor::Reason::OutputLimit): register a producer, which is
    /// held back meanwhile.
    #[must_use]
    pub fn output_limit(mut self, bytes: usize) -> Self {
        Arc::make_mut(&mut self.bounds).output_limit = bytes;
        self
    }
}

impl fmt::Debug for TlsRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match &self.side {
            Side::Server(_) => "server".to_owned(),
            Side::Choosing(_) => "server, choosing".to_owned(),
            Side::Client(_, name) => format!("client of {}", name.to_str()),
        };
        f.debug_struct("TlsRole")
            .field("side", &side)
            .field("bounds", &self.bounds)
            .finish()
    }
}
