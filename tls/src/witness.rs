use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustls::crypto::tls13::OkmBlock;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, KeyLog, ServerConfig, SignatureScheme};

/// What rustls tells the parts of a configuration during a handshake, and does not keep with the
/// connection: its unbuffered connections have no accessor for any of it.
///
/// What is evil here: one configuration serves many connections, and its parts are not told for
/// which of them they are asked. But rustls asks them from inside a call that processes records, on
/// the thread of that call. So a session lends its notes to the thread for each such call
/// ([`taking_notes`]), and the parts write to the notes that are lent ([`note`]). Such calls nest: a
/// resolver is code of the application, which may drive another session.
#[derive(Default)]
pub(crate) struct Notes {
    /// What exporters begin with: the exporter secret of TLS 1.3 (RFC 8446 7.1), the master secret of
    /// TLS 1.2.
    pub(crate) exporter: Option<OkmBlock>,
    /// The random of the ClientHello that counts: with ECH, the inner one.
    pub(crate) client_random: Option<[u8; 32]>,
    /// With what the peer has signed.
    pub(crate) peer_signature: Option<SignatureScheme>,
    /// What the peer has stapled to its certificate.
    pub(crate) ocsp_response: Option<Box<[u8]>>,
    /// What this side, a server, shows.
    pub(crate) shown: Option<Weak<CertifiedKey>>,
    /// The name that the client has asked for. The session notes it, as the next two.
    pub(crate) server_name: Option<Box<str>>,
    /// What the last ServerHello in clear said.
    pub(crate) server_hello: Option<ServerHello>,
    /// The random of the ClientHello that this side, a client, has sent in clear.
    pub(crate) sent_random: Option<[u8; 32]>,
}

/// What TLS 1.2 needs of a ServerHello for its exporters.
#[derive(Debug)]
pub(crate) struct ServerHello {
    pub(crate) random: [u8; 32],
    /// Whether the two sides agree on it (RFC 7627).
    pub(crate) extended_master_secret: bool,
}

thread_local! {
    static LENT: Cell<Option<Box<Notes>>> = const { Cell::new(None) };
}

/// Lends `notes` to this thread while `work` runs.
pub(crate) fn taking_notes<R>(notes: &mut Option<Box<Notes>>, work: impl FnOnce() -> R) -> R {
    /// Gives back, also when `work` panics.
    struct Lent<'a> {
        notes: &'a mut Option<Box<Notes>>,
        outer: Option<Box<Notes>>,
    }
    impl Drop for Lent<'_> {
        fn drop(&mut self) {
            *self.notes = LENT.replace(self.outer.take());
        }
    }
    let outer = LENT.replace(notes.take());
    let _lent = Lent { notes, outer };
    work()
}

/// Writes to the notes of the session that this thread processes records for, if there is one.
pub(crate) fn note(write: impl FnOnce(&mut Notes)) {
    if let Some(mut notes) = LENT.take() {
        write(&mut notes);
        LENT.set(Some(notes));
    }
}

/// The same configuration, with notes taken of what it is told.
pub(crate) fn noting_server(config: &Arc<ServerConfig>) -> Arc<ServerConfig> {
    static KNOWN: Copies<ServerConfig> = Copies::new();
    KNOWN.of(config, |config| {
        config.key_log = Arc::new(NotingKeys(config.key_log.clone()));
        config.cert_resolver = Arc::new(NotingCertificate(config.cert_resolver.clone()));
    })
}

/// The same configuration, with notes taken of what it is told.
pub(crate) fn noting_client(config: &Arc<ClientConfig>) -> Arc<ClientConfig> {
    static KNOWN: Copies<ClientConfig> = Copies::new();
    KNOWN.of(config, |config| {
        config.key_log = Arc::new(NotingKeys(config.key_log.clone()));
    })
}

/// The copies of configurations that are in use. Roles are made for each connection, some, and a client's
/// connection keeps its configuration: all of one configuration share one copy.
struct Copies<C>(Mutex<Known<C>>);

struct Known<C> {
    /// By the address of the configuration: it and its copy.
    all: BTreeMap<usize, (Weak<C>, Weak<C>)>,
    /// How many there may be before those that are gone are taken out.
    room: usize,
}

impl<C: Clone> Copies<C> {
    const fn new() -> Self {
        Copies(Mutex::new(Known {
            all: BTreeMap::new(),
            room: 16,
        }))
    }

    fn of(&self, config: &Arc<C>, change: impl FnOnce(&mut C)) -> Arc<C> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The weak pointer keeps the address from being given to another configuration.
        let address = Arc::as_ptr(config).addr();
        let found = known.all.get(&address);
        if let Some(copy) = found.and_then(|(_, copy)| copy.upgrade()) {
            return copy;
        }
        let mut copy = (**config).clone();
        change(&mut copy);
        let copy = Arc::new(copy);
        if known.all.len() >= known.room {
            known.all.retain(|_, (_, copy)| copy.strong_count() > 0);
            known.room = 16.max(2 * known.all.len());
        }
        let pair = (Arc::downgrade(config), Arc::downgrade(&copy));
        known.all.insert(address, pair);
        copy
    }
}

/// Between rustls and the key log that a configuration has.
#[derive(Debug)]
struct NotingKeys(Arc<dyn KeyLog>);

/// As rustls names it for its key logs.
const EXPORTER_SECRET: &str = "EXPORTER_SECRET";
/// What comes with this name is the master secret of TLS 1.2.
const CLIENT_RANDOM: &str = "CLIENT_RANDOM";

impl KeyLog for NotingKeys {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let begins = matches!(label, EXPORTER_SECRET | CLIENT_RANDOM);
        if begins && secret.len() <= OkmBlock::MAX_LEN {
            note(|notes| {
                notes.exporter = Some(OkmBlock::new(secret));
                notes.client_random = client_random.try_into().ok();
            });
        }
        if self.0.will_log(label) {
            self.0.log(label, client_random, secret);
        }
    }

    fn will_log(&self, label: &str) -> bool {
        matches!(label, EXPORTER_SECRET | CLIENT_RANDOM) || self.0.will_log(label)
    }
}

/// Between rustls and the resolver that a server's configuration has.
#[derive(Debug)]
struct NotingCertificate(Arc<dyn ResolvesServerCert>);

impl ResolvesServerCert for NotingCertificate {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certified = self.0.resolve(hello)?;
        note(|notes| notes.shown = Some(Arc::downgrade(&certified)));
        Some(certified)
    }

    fn only_raw_public_keys(&self) -> bool {
        self.0.only_raw_public_keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_copy_for_each_configuration_in_use() {
        let copies = Copies::<u32>::new();
        let configs: Vec<_> = (0..100).map(Arc::new).collect();
        let add = |config: &Arc<u32>| copies.of(config, |copy| *copy += 1000);
        let kept: Vec<_> = configs.iter().map(add).collect();
        for (config, copy) in configs.iter().zip(&kept) {
            assert_eq!(**copy, **config + 1000);
            assert!(Arc::ptr_eq(copy, &add(config)));
        }
        drop(kept);
        for number in 0..1000 {
            let copy = add(&Arc::new(number));
            assert_eq!(*copy, number + 1000, "whatever had the address before");
        }
        assert!(copies.0.lock().unwrap().all.len() <= 200);
    }
}
