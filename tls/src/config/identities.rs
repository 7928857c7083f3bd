use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::{ConfigError, Identity};

/// The identities of a server, by the name that the client asks for (SNI), which may change while
/// it serves.
///
/// A change counts for the handshakes that begin after it; live connections stay as they are.
///
/// ```no_run
/// use retwist_tls::{Identities, Identity, ServerOptions};
///
/// # fn main() -> Result<(), retwist_tls::ConfigError> {
/// let identities = Identities::new(Identity::from_pem_file("example.org.pem")?);
/// identities.set("mail.example.org", Identity::from_pem_files("mail.crt", "mail.key")?);
/// let config = ServerOptions::choosing(identities.clone()).build()?;
/// // Later, when the files have been renewed:
/// identities.reload()?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Identities {
    known: RwLock<Known>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    default: Option<Identity>,
    by_name: HashMap<String, Identity>,
}

impl Identities {
    /// One for clients that ask for no name, or for one that is not known.
    pub fn new(default: Identity) -> Arc<Self> {
        Self::with(Some(default))
    }

    /// None but those that are [`set`](Identities::set): who asks for another name, or for none, is
    /// refused.
    pub fn strict() -> Arc<Self> {
        Self::with(None)
    }

    fn with(default: Option<Identity>) -> Arc<Self> {
        let known = Known {
            default,
            ..Known::default()
        };
        Arc::new(Identities {
            known: RwLock::new(known),
        })
    }

    /// The identity for `name` from now on; `*.example.org` is for all names with one label more. A
    /// dot at the end is no part of a name. The log warns of a name that no client can ask for: an
    /// address, one with a port, or an asterisk elsewhere.
    pub fn set(&self, name: &str, identity: Identity) {
        let name = key(name);
        let host = name.strip_prefix("*.").unwrap_or(&name);
        if !matches!(ServerName::try_from(host), Ok(ServerName::DnsName(_))) {
            log::warn!("no client can ask for {name:?}, so the identity for it is never shown");
        }
        self.change(|known| known.by_name.insert(name, identity));
    }

    /// The identity for all other names from now on.
    pub fn set_default(&self, identity: Identity) {
        self.change(|known| known.default.replace(identity));
    }

    /// `name` is not known from now on.
    pub fn remove(&self, name: &str) {
        self.change(|known| known.by_name.remove(&key(name)));
    }

    /// Reads all identities again that came from files. If one of them cannot be read, nothing is
    /// changed.
    pub fn reload(&self) -> Result<(), ConfigError> {
        let known = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let again = Known {
            default: known.default.as_ref().map(Identity::again).transpose()?,
            by_name: known
                .by_name
                .into_iter()
                .map(|(name, identity)| Ok((name, identity.again()?)))
                .collect::<Result<_, ConfigError>>()?,
        };
        self.change(|known| *known = again);
        Ok(())
    }

    fn change<R>(&self, change: impl FnOnce(&mut Known) -> R) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut known);
    }

    fn find(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let named = name.filter(|_| !known.by_name.is_empty()).and_then(|name| {
            let name = key(name);
            let wildcard = name
                .split_once('.')
                .map(|(_, domain)| format!("*.{domain}"));
            let exact = known.by_name.get(&name);
            exact.or_else(|| known.by_name.get(&wildcard?))
        });
        named
            .or(known.default.as_ref())
            .map(Identity::certified_key)
    }
}

/// How a name is kept.
fn key(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name())
    }
}
