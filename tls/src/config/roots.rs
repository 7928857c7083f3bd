use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, TrustAnchor};

use super::error::{ConfigError, Origin, read};
use super::files::Files;
use super::identity::certificates;

/// The authorities whose word counts when a peer says who it is.
///
/// A clone is the same set: [`reload`](TrustRoots::reload) of one is a reload of all, and of every
/// configuration that was made with it. It counts for the handshakes that begin after it; a session
/// that began under other roots is not resumed.
///
/// ```no_run
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
/// use retwist::tls::{ClientOptions, TlsRole, TrustRoots};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // What the system trusts, and an authority of the company.
/// let roots = TrustRoots::platform()?.and(TrustRoots::from_pem_file("company.pem")?);
/// let role = TlsRole::client(ClientOptions::new(roots).build()?, "intern.example.org")?;
/// # Ok(()) }
/// ```
#[doc(alias = "trustRootFromCertificates")]
#[derive(Clone)]
pub struct TrustRoots {
    shared: Arc<Shared>,
}

struct Shared {
    sources: Vec<Source>,
    current: RwLock<Current>,
}

/// Where roots come from.
#[derive(Clone)]
enum Source {
    Platform,
    File(PathBuf),
    Fixed(Vec<TrustAnchor<'static>>),
}

#[derive(Clone)]
struct Current {
    store: Arc<RootCertStore>,
    /// How often the roots have changed.
    generation: u64,
    files: Arc<Files>,
}

impl TrustRoots {
    /// Those that this system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others). What cannot
    /// be read of them is logged.
    #[doc(alias = "platformTrust")]
    pub fn platform() -> Result<Self, ConfigError> {
        Self::read(vec![Source::Platform])
    }

    /// Those in a PEM file.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::read(vec![Source::File(path.as_ref().into())])
    }

    /// Those in some PEM.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let roots = anchors(
            certificates(pem.as_ref(), &Origin::Memory)?,
            &Origin::Memory,
        )?;
        Self::read(vec![Source::Fixed(roots)])
    }

    /// These certificates.
    pub fn from_der<'a>(
        roots: impl IntoIterator<Item = CertificateDer<'a>>,
    ) -> Result<Self, ConfigError> {
        let roots = roots.into_iter().map(CertificateDer::into_owned).collect();
        Self::read(vec![Source::Fixed(anchors(roots, &Origin::Memory)?)])
    }

    /// These and those: a set of its own, which is reloaded by itself.
    #[must_use]
    pub fn and(self, others: TrustRoots) -> Self {
        let [these, those] = [&self, &others].map(TrustRoots::current);
        let mut store = (*these.store).clone();
        store.roots.extend(those.store.roots.iter().cloned());
        let sources = [&self.shared.sources[..], &others.shared.sources].concat();
        // Both may have been read a while ago: a reload finds what has changed since.
        let files = these.files.with(&those.files);
        Self::with(sources, store, files)
    }

    /// Reads those again that came from files, and those of the system. Returns whether there are
    /// others now. On an error nothing is changed.
    pub fn reload(&self) -> Result<bool, ConfigError> {
        let files = Files::about_to_read(paths(&self.shared.sources));
        let store = load(&self.shared.sources)?;
        let mut current = self
            .shared
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        current.files = files.into();
        let differs = current.store.roots != store.roots;
        if differs {
            current.store = store.into();
            current.generation += 1;
        }
        Ok(differs)
    }

    /// Reads them again if their files have changed, and says so in the log.
    pub(super) fn look(&self) {
        let files = self.current().files;
        if files.can_be_read_again() && files.have_changed() {
            self.reload_loudly(false);
        }
    }

    /// Reads them again, and says in the log what came of it: of the same trouble once, or `always`.
    pub(super) fn reload_loudly(&self, always: bool) {
        let before = self.current().files;
        if !before.can_be_read_again() {
            return;
        }
        let what = self.describe();
        match self.reload() {
            Ok(true) => log::info!("{what} has changed, and counts from now on"),
            Ok(false) => {}
            Err(error) => before.cannot_be_used(&what, &error, always),
        }
    }

    fn describe(&self) -> String {
        let paths = paths(&self.shared.sources);
        let paths: Vec<_> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        if paths.is_empty() {
            "the set of the system's trust roots".into()
        } else {
            format!("the set of trust roots in {}", paths.join(", "))
        }
    }

    fn read(sources: Vec<Source>) -> Result<Self, ConfigError> {
        let files = Files::about_to_read(paths(&sources));
        let store = load(&sources)?;
        Ok(Self::with(sources, store, files))
    }

    fn with(sources: Vec<Source>, store: RootCertStore, files: Files) -> Self {
        let current = Current {
            store: store.into(),
            generation: 0,
            files: files.into(),
        };
        let shared = Shared {
            sources,
            current: RwLock::new(current),
        };
        TrustRoots {
            shared: shared.into(),
        }
    }

    fn current(&self) -> Current {
        let current = self.shared.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The roots, and how often they have changed.
    pub(super) fn store(&self) -> (u64, Arc<RootCertStore>) {
        let current = self.current();
        (current.generation, current.store)
    }

    /// How often they have changed.
    pub(super) fn generation(&self) -> u64 {
        let current = self.shared.current.read();
        current.unwrap_or_else(PoisonError::into_inner).generation
    }
}

impl fmt::Debug for TrustRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustRoots")
            .field("files", &paths(&self.shared.sources))
            .field("roots", &self.current().store.len())
            .finish_non_exhaustive()
    }
}

fn paths(sources: &[Source]) -> Vec<PathBuf> {
    let files = sources.iter().filter_map(|source| match source {
        Source::File(path) => Some(path.clone()),
        _ => None,
    });
    files.collect()
}

/// All roots of these sources; at least one.
fn load(sources: &[Source]) -> Result<RootCertStore, ConfigError> {
    let mut store = RootCertStore::empty();
    for source in sources {
        match source {
            Source::Platform => platform(&mut store),
            Source::File(path) => {
                let origin = Origin::File(path.clone());
                let found = certificates(&read(path)?, &origin)?;
                store.roots.extend(anchors(found, &origin)?);
            }
            Source::Fixed(roots) => store.roots.extend(roots.iter().cloned()),
        }
    }
    if store.is_empty() {
        return Err(ConfigError::NoRoots);
    }
    Ok(store)
}

fn platform(store: &mut RootCertStore) {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        log::warn!("some of the system's trust roots cannot be read: {error}");
    }
    // Old systems carry certificates that no verifier takes: they are passed over, as
    // everywhere.
    store.add_parsable_certificates(found.certs);
}

fn anchors(
    certificates: Vec<CertificateDer<'static>>,
    origin: &Origin,
) -> Result<Vec<TrustAnchor<'static>>, ConfigError> {
    let mut store = RootCertStore::empty();
    for root in certificates {
        store
            .add(root)
            .map_err(|error| ConfigError::Root(origin.clone(), error))?;
    }
    Ok(store.roots)
}
