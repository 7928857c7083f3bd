use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::error::{ConfigError, Origin, read};
use super::identity::certificates;

/// The authorities whose word counts when a peer says who it is.
#[doc(alias = "trustRootFromCertificates")]
#[derive(Clone, Debug)]
pub struct TrustRoots {
    store: RootCertStore,
}

impl TrustRoots {
    /// Those that this system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others). What cannot
    /// be read of them is logged.
    #[doc(alias = "platformTrust")]
    pub fn platform() -> Result<Self, ConfigError> {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            log::warn!("some of the system's trust roots cannot be read: {error}");
        }
        let mut store = RootCertStore::empty();
        // Old systems carry certificates that no verifier takes: they are passed over, as
        // everywhere.
        store.add_parsable_certificates(found.certs);
        Self::some(store)
    }

    /// Those in a PEM file.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        Self::from_some_pem(&read(path)?, Origin::File(path.into()))
    }

    /// Those in some PEM.
    pub fn from_pem(pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::from_some_pem(pem.as_ref(), Origin::Memory)
    }

    /// These certificates.
    pub fn from_der<'a>(
        roots: impl IntoIterator<Item = CertificateDer<'a>>,
    ) -> Result<Self, ConfigError> {
        let mut store = RootCertStore::empty();
        for root in roots {
            store
                .add(root.into_owned())
                .map_err(|error| ConfigError::Root(Origin::Memory, error))?;
        }
        Self::some(store)
    }

    fn from_some_pem(pem: &[u8], origin: Origin) -> Result<Self, ConfigError> {
        let mut store = RootCertStore::empty();
        for root in certificates(pem, &origin)? {
            store
                .add(root)
                .map_err(|error| ConfigError::Root(origin.clone(), error))?;
        }
        Self::some(store)
    }

    fn some(store: RootCertStore) -> Result<Self, ConfigError> {
        if store.is_empty() {
            return Err(ConfigError::NoRoots);
        }
        Ok(TrustRoots { store })
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, others: TrustRoots) -> Self {
        self.store.roots.extend(others.store.roots);
        self
    }

    pub(super) fn into_store(self) -> Arc<RootCertStore> {
        self.store.into()
    }
}
