use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};

use super::{ConfigError, Identity};

/// The identities of a server, by the name that the client asks for (SNI), which may change while
/// it serves.
///
/// A change counts for the handshakes that begin after it; live connections stay as they are.
///
/// ```no_run
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
/// use retwist::tls::{Identities, Identity, ServerOptions};
///
/// # fn main() -> Result<(), retwist::tls::ConfigError> {
/// let identities = Identities::new(Identity::from_pem_file("example.org.pem")?);
/// identities.set("mail.example.org", Identity::from_pem_files("mail.crt", "mail.key")?);
/// let config = ServerOptions::choosing(identities.clone()).build()?;
/// // Later, when the files have been renewed:
/// identities.reload()?;
/// # Ok(()) }
/// ```
///
/// [`Reload`](crate::Reload) does so by itself. When a certificate has expired, is not valid yet, or expires soon,
/// the log says so once: when it is made, and within a day of handshakes.
#[derive(Debug)]
pub struct Identities {
    known: RwLock<Known>,
    time: Arc<dyn TimeProvider>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    default: Option<Identity>,
    by_name: HashMap<String, Identity>,
}

impl Identities {
    /// One for clients that ask for no name, or for one that is not known.
    pub fn new(default: Identity) -> Arc<Self> {
        Self::by_time(Some(default), Arc::new(DefaultTimeProvider))
    }

    /// None but those that are [`set`](Identities::set): who asks for another name, or for none, is
    /// refused.
    pub fn strict() -> Arc<Self> {
        Self::by_time(None, Arc::new(DefaultTimeProvider))
    }

    /// Makes them with a clock other than the system's, by which certificates expire: what the log says of them
    /// follows it. The `time_provider` of a configuration is for its peers.
    pub fn by_time(default: Option<Identity>, time: Arc<dyn TimeProvider>) -> Arc<Self> {
        let known = Known {
            default,
            ..Known::default()
        };
        Arc::new(Identities {
            known: RwLock::new(known),
            time,
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
        let mut exchanged = Vec::new();
        for identity in self.all() {
            exchanged.push((identity.again()?, identity));
        }
        self.exchange(exchanged);
        Ok(())
    }

    /// Reads those again whose files have changed, or all, each by itself. The log says what came of it,
    /// and what expires.
    pub(super) fn look(&self, all: bool) {
        let (mut exchanged, mut changed) = (Vec::new(), Vec::new());
        for identity in self.all() {
            let Some(files) = identity.files() else {
                continue;
            };
            if !files.can_be_read_again() || !all && !files.have_changed() {
                continue;
            }
            match identity.again() {
                Ok(again) => {
                    if again.certificates() != identity.certificates() {
                        changed.push(again.describe());
                    }
                    exchanged.push((again, identity));
                }
                Err(error) => files.cannot_be_used(&identity.describe(), &error, all),
            }
        }
        self.exchange(exchanged);
        for what in changed {
            log::info!("{what} has changed, and is shown from now on");
        }
        if let Some(now) = self.now() {
            self.all()
                .iter()
                .for_each(|identity| identity.look_daily(now));
        }
    }

    /// Each identity once, under however many names it is known.
    fn all(&self) -> Vec<Identity> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut seen = HashSet::new();
        let all = known.default.iter().chain(known.by_name.values());
        all.filter(|identity| seen.insert(identity.key()))
            .cloned()
            .collect()
    }

    /// Puts the first in the place of the second, where that still is.
    fn exchange(&self, exchanged: Vec<(Identity, Identity)>) {
        if exchanged.is_empty() {
            return;
        }
        let new: HashMap<_, _> = exchanged
            .iter()
            .map(|(new, old)| (old.key(), new))
            .collect();
        self.change(|known| {
            for identity in known.default.iter_mut().chain(known.by_name.values_mut()) {
                if let Some(&new) = new.get(&identity.key()) {
                    *identity = new.clone();
                }
            }
        });
    }

    fn now(&self) -> Option<SystemTime> {
        let since = Duration::from_secs(self.time.current_time()?.as_secs());
        SystemTime::UNIX_EPOCH.checked_add(since)
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
        let found = named.or(known.default.as_ref())?;
        if let Some(now) = self.now() {
            found.look_daily(now);
        }
        Some(found.certified_key())
    }
}

/// A client shows the default.
impl ResolvesClientCert for Identities {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.find(None)
    }

    fn has_certs(&self) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.default.is_some()
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
