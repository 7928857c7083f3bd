use std::fmt::Debug;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::crypto::hash::HashAlgorithm;
use rustls::pki_types::ServerName;
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};

use super::{ConfigError, TrustRoots};
use crate::exporter::digest;

// Sessions that end with the trust that they began with.
//
// What is evil here: a session that is resumed shows no certificate, so a peer whose authority is trusted
// no more would go on as if nothing had happened. Sessions in memory are forgotten when the roots change;
// tickets, which the peer keeps and any process may get, name the roots.

/// Something that is made anew when the roots have changed.
#[derive(Debug)]
pub(super) struct PerRoots<T> {
    roots: TrustRoots,
    current: RwLock<(u64, T)>,
}

impl<T: Clone> PerRoots<T> {
    pub(super) fn new(roots: TrustRoots, first: T) -> Self {
        let current = RwLock::new((roots.generation(), first));
        PerRoots { roots, current }
    }

    /// The one for the roots that count now, made of them and of the one before.
    pub(super) fn current(&self, make: impl FnOnce(&TrustRoots, &T) -> T) -> T {
        let generation = self.roots.generation();
        {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            if current.0 == generation {
                return current.1.clone();
            }
        }
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.0 != generation {
            *current = (generation, make(&self.roots, &current.1));
        }
        current.1.clone()
    }
}

/// As many sessions as rustls keeps by default.
const SESSIONS: usize = 256;

/// The sessions of a client.
#[derive(Debug)]
pub(super) struct ClientSessions(PerRoots<Arc<ClientSessionMemoryCache>>);

impl ClientSessions {
    pub(super) fn new(roots: TrustRoots) -> Self {
        ClientSessions(PerRoots::new(roots, Self::empty()))
    }

    fn empty() -> Arc<ClientSessionMemoryCache> {
        ClientSessionMemoryCache::new(SESSIONS).into()
    }

    fn current(&self) -> Arc<ClientSessionMemoryCache> {
        self.0.current(|_, _| Self::empty())
    }
}

impl ClientSessionStore for ClientSessions {
    fn set_kx_hint(&self, name: ServerName<'static>, group: NamedGroup) {
        self.current().set_kx_hint(name, group);
    }

    fn kx_hint(&self, name: &ServerName<'_>) -> Option<NamedGroup> {
        self.current().kx_hint(name)
    }

    fn set_tls12_session(&self, name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.current().set_tls12_session(name, value);
    }

    fn tls12_session(&self, name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.current().tls12_session(name)
    }

    fn remove_tls12_session(&self, name: &ServerName<'static>) {
        self.current().remove_tls12_session(name);
    }

    fn insert_tls13_ticket(&self, name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.current().insert_tls13_ticket(name, value);
    }

    fn take_tls13_ticket(&self, name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.current().take_tls13_ticket(name)
    }
}

/// The sessions of a server whose clients show certificates.
#[derive(Debug)]
pub(super) struct ServerSessions {
    size: usize,
    caches: PerRoots<Arc<dyn StoresServerSessions>>,
}

impl ServerSessions {
    pub(super) fn new(roots: TrustRoots, size: usize) -> Self {
        let first = ServerSessionMemoryCache::new(size);
        ServerSessions {
            size,
            caches: PerRoots::new(roots, first),
        }
    }

    fn current(&self) -> Arc<dyn StoresServerSessions> {
        self.caches
            .current(|_, _| ServerSessionMemoryCache::new(self.size))
    }
}

impl StoresServerSessions for ServerSessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.current().put(key, value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.current().get(key)
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.current().take(key)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

/// The tickets of a server whose clients show certificates.
#[derive(Debug)]
pub(super) struct ServerTickets {
    tickets: Arc<dyn ProducesTickets>,
    names: PerRoots<Arc<[u8]>>,
}

impl ServerTickets {
    pub(super) fn new(
        roots: TrustRoots,
        tickets: Arc<dyn ProducesTickets>,
    ) -> Result<Self, ConfigError> {
        let first = name(&roots).ok_or_else(|| {
            ConfigError::refused(rustls::Error::General(
                "SHA-256 is in no cipher suite".into(),
            ))
        })?;
        let names = PerRoots::new(roots, first);
        Ok(ServerTickets { tickets, names })
    }

    fn name(&self) -> Arc<[u8]> {
        // There was one at first, so there is one now.
        let again = |roots: &TrustRoots, before: &Arc<[u8]>| name(roots).unwrap_or(before.clone());
        self.names.current(again)
    }
}

impl ProducesTickets for ServerTickets {
    fn enabled(&self) -> bool {
        self.tickets.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.tickets.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.tickets.encrypt(&[&self.name()[..], plain].concat())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let plain = self.tickets.decrypt(cipher)?;
        plain.strip_prefix(&self.name()[..]).map(Vec::from)
    }
}

/// Names a set of roots, whatever their order: the same in each process that has them.
fn name(roots: &TrustRoots) -> Option<Arc<[u8]>> {
    let (_, store) = roots.store();
    let mut all: Vec<_> = store
        .roots
        .iter()
        .map(|root| {
            let constraints = root.name_constraints.as_deref();
            let parts = [&root.subject[..], &root.subject_public_key_info];
            let parts = parts.into_iter().chain(constraints);
            let mut bytes = Vec::new();
            for part in parts {
                bytes.extend((part.len() as u64).to_be_bytes());
                bytes.extend(part);
            }
            bytes
        })
        .collect();
    all.sort();
    all.dedup();
    digest(HashAlgorithm::SHA256, &all.concat()).map(Arc::from)
}
