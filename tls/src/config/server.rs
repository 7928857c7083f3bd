use std::sync::Arc;

use rustls::server::{
    NoServerSessionStorage, ProducesTickets, ResolvesServerCert, ServerSessionMemoryCache,
};
use rustls::{KeyLogFile, ServerConfig};

use super::sessions::{ServerSessions, ServerTickets};
use super::verifier;
use super::{
    ConfigError, Identities, Identity, TicketKeys, TrustRoots, checked, crypto_provider, names,
};

/// Makes a server's configuration: TLS 1.2 and 1.3, no client certificates, and sessions kept in
/// memory, unless said otherwise.
///
/// ```no_run
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
/// use retwist::tls::{ClientCertificates, Identity, ServerOptions, TlsRole, TrustRoots};
///
/// # fn main() -> Result<(), retwist::tls::ConfigError> {
/// let config = ServerOptions::new(Identity::from_pem_files("server.crt", "server.key")?)
///     .client_certificates(ClientCertificates::Required(TrustRoots::from_pem_file("staff.pem")?))
///     .alpn(["imap"])
///     .build()?;
/// let role = TlsRole::server(config);
/// # Ok(()) }
/// ```
#[doc(alias = "CertificateOptions")]
#[derive(Clone, Debug)]
pub struct ServerOptions {
    resolver: Arc<dyn ResolvesServerCert>,
    clients: ClientCertificates,
    alpn: Vec<Vec<u8>>,
    resumption: Resumption,
    ticket_keys: Option<Arc<TicketKeys>>,
    tickets: Option<usize>,
    log_keys: bool,
}

/// Whether clients show a certificate of their own.
#[derive(Clone, Debug)]
pub enum ClientCertificates {
    /// They are not asked for one.
    None,
    /// They are asked, and may have none. One that is shown must be certified by these.
    Optional(TrustRoots),
    /// They must show one that is certified by these.
    Required(TrustRoots),
}

/// The place where a server keeps the state of sessions that clients resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumption {
    /// Nowhere: every handshake is a full one.
    None,
    /// Here, for this many sessions, up to a million; the room for the list of them is taken at once.
    Memory(usize),
    /// With the client, encrypted under keys that change every six hours, or under those of
    /// [`ServerOptions::ticket_keys`].
    Tickets,
}

impl ServerOptions {
    /// A server with one identity.
    pub fn new(identity: Identity) -> Self {
        Self::choosing(Identities::new(identity))
    }

    /// A server whose identity depends on the ClientHello: [`Identities`], or anything else that
    /// looks at the hello and decides.
    pub fn choosing(resolver: Arc<dyn ResolvesServerCert>) -> Self {
        ServerOptions {
            resolver,
            clients: ClientCertificates::None,
            alpn: Vec::new(),
            resumption: Resumption::Memory(256),
            ticket_keys: None,
            tickets: None,
            log_keys: false,
        }
    }

    /// Whether clients show certificates.
    #[must_use]
    pub fn client_certificates(mut self, clients: ClientCertificates) -> Self {
        self.clients = clients;
        self
    }

    /// The application protocols that it speaks, best first. A client that offers others only is
    /// refused; one that offers none is not.
    #[doc(alias = "acceptableProtocols")]
    #[must_use]
    pub fn alpn(mut self, protocols: impl IntoIterator<Item: AsRef<[u8]>>) -> Self {
        self.alpn = names(protocols);
        self
    }

    /// Sets how sessions are resumed.
    #[must_use]
    pub fn resumption(mut self, resumption: Resumption) -> Self {
        self.resumption = resumption;
        self
    }

    /// Sessions are resumed by tickets under these keys, which other servers may have, too:
    /// [`Resumption::Tickets`].
    #[must_use]
    pub fn ticket_keys(mut self, keys: Arc<TicketKeys>) -> Self {
        self.resumption = Resumption::Tickets;
        self.ticket_keys = Some(keys);
        self
    }

    /// Sets how many tickets a client of TLS 1.3 gets after a full handshake: 2 unless set, at most 100. Each resumes
    /// one session. They cost the server some 4 % of the handshake each; 0 is for clients that
    /// never come back. With [`Resumption::None`] there are no tickets, and a number of them is an error.
    #[must_use]
    pub fn tickets(mut self, count: usize) -> Self {
        self.tickets = Some(count);
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
    pub fn build(self) -> Result<Arc<ServerConfig>, ConfigError> {
        let provider = crypto_provider();
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(ConfigError::refused)?;
        let (roots, required) = match self.clients {
            ClientCertificates::None => (None, false),
            ClientCertificates::Optional(roots) => (Some(roots), false),
            ClientCertificates::Required(roots) => (Some(roots), true),
        };
        let builder = match &roots {
            None => builder.with_no_client_auth(),
            Some(roots) => {
                let verifier = verifier::of_clients(roots.clone(), provider, required)?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_cert_resolver(self.resolver);
        config.alpn_protocols = checked(self.alpn)?;
        config.send_tls13_tickets = at_most(
            MOST_TICKETS,
            self.tickets.unwrap_or(2),
            "tickets are too many",
        )?;
        match self.resumption {
            Resumption::None if self.tickets.is_some_and(|count| count > 0) => {
                return Err(ConfigError::Ignored(
                    "tickets are sent for sessions that can be resumed, so their number has no effect with Resumption::None",
                ));
            }
            Resumption::None => {
                config.session_storage = Arc::new(NoServerSessionStorage {});
                config.send_tls13_tickets = 0;
            }
            Resumption::Memory(sessions) => {
                let what = "sessions are too many to remember";
                let sessions = at_most(MOST_SESSIONS, sessions, what)?;
                config.session_storage = match roots {
                    Some(roots) => Arc::new(ServerSessions::new(roots, sessions)),
                    None => ServerSessionMemoryCache::new(sessions),
                };
            }
            Resumption::Tickets => {
                let ticketer = match self.ticket_keys {
                    Some(keys) => keys,
                    None => ticketer()?,
                };
                config.ticketer = match roots {
                    Some(roots) => Arc::new(ServerTickets::new(roots, ticketer)?),
                    None => ticketer,
                };
            }
        }
        if self.log_keys {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(config.into())
    }
}

/// Keys of this configuration's own.
fn ticketer() -> Result<Arc<dyn ProducesTickets>, ConfigError> {
    #[cfg(feature = "aws-lc-rs")]
    let ticketer = rustls::crypto::aws_lc_rs::Ticketer::new();
    #[cfg(not(feature = "aws-lc-rs"))]
    let ticketer = rustls::crypto::ring::Ticketer::new();
    ticketer.map_err(ConfigError::refused)
}

const MOST_SESSIONS: usize = 1_000_000;
const MOST_TICKETS: usize = 100;

fn at_most(most: usize, asked: usize, what: &'static str) -> Result<usize, ConfigError> {
    if asked > most {
        return Err(ConfigError::TooMany { what, asked, most });
    }
    Ok(asked)
}
