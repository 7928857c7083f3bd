use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::sign::CertifiedKey;

use super::crypto_provider;
use super::error::{ConfigError, Origin, read};

/// Who one is: a certificate, those that lead from it to an authority, and the private key.
#[doc(alias = "PrivateCertificate")]
#[derive(Clone)]
pub struct Identity {
    certified: Arc<CertifiedKey>,
    /// Where it was read, to be read again.
    files: Option<(PathBuf, PathBuf)>,
}

impl Identity {
    /// Chain and key from one PEM file, in any order; the own certificate comes before those that
    /// certify it.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        Self::from_pem_files(path.as_ref(), path.as_ref())
    }

    /// The chain from one PEM file and the key from another.
    pub fn from_pem_files(
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, ConfigError> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        let origins = [chain, key].map(|path| Origin::File(path.into()));
        let certificates = certificates(&read(chain)?, &origins[0])?;
        let private_key = private_key(&read(key)?, &origins[1])?;
        let mut identity = Self::new(certificates, private_key, origins)?;
        identity.files = Some((chain.into(), key.into()));
        Ok(identity)
    }

    /// Chain and key from PEM; both may be the same bytes.
    pub fn from_pem(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let origin = Origin::Memory;
        let certificates = certificates(chain.as_ref(), &origin)?;
        let private_key = private_key(key.as_ref(), &origin)?;
        Self::new(certificates, private_key, [origin.clone(), origin])
    }

    /// The chain and the key as they are.
    pub fn from_der(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, ConfigError> {
        if chain.is_empty() {
            return Err(ConfigError::NoCertificate(Origin::Memory));
        }
        Self::new(chain, key, [Origin::Memory, Origin::Memory])
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        [chain_origin, key_origin]: [Origin; 2],
    ) -> Result<Self, ConfigError> {
        let certified =
            CertifiedKey::from_der(chain, key, &crypto_provider()).map_err(|error| {
                if let rustls::Error::InvalidCertificate(_) = error {
                    ConfigError::Certificate(chain_origin, error)
                } else {
                    ConfigError::Key(key_origin, error)
                }
            })?;
        Ok(Identity {
            certified: certified.into(),
            files: None,
        })
    }

    /// The same, read again from its files; itself, if it was not read from any.
    pub(super) fn again(&self) -> Result<Self, ConfigError> {
        match &self.files {
            Some((chain, key)) => Self::from_pem_files(chain, key),
            None => Ok(self.clone()),
        }
    }

    /// The same, with a response of the authority's OCSP responder, in DER, that servers staple to the
    /// certificate for clients that ask (RFC 6066 8). It is handed over as it is; an empty one is
    /// none.
    #[must_use]
    pub fn ocsp_response(mut self, response: impl Into<Vec<u8>>) -> Self {
        let response = Some(response.into()).filter(|response| !response.is_empty());
        Arc::make_mut(&mut self.certified).ocsp = response;
        self
    }

    /// The certificates, the own one first.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }

    /// What rustls's own resolvers return.
    pub fn certified_key(&self) -> Arc<CertifiedKey> {
        self.certified.clone()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificates", &self.certificates().len())
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

/// All certificates in some PEM; at least one.
pub(super) fn certificates(
    pem: &[u8],
    origin: &Origin,
) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| ConfigError::Pem(origin.clone(), error))?;
    if certificates.is_empty() {
        return Err(ConfigError::NoCertificate(origin.clone()));
    }
    Ok(certificates)
}

fn private_key(pem: &[u8], origin: &Origin) -> Result<PrivateKeyDer<'static>, ConfigError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        _ if is_encrypted(pem) => ConfigError::EncryptedKey(origin.clone()),
        pem::Error::NoItemsFound => ConfigError::NoKey(origin.clone()),
        error => ConfigError::Pem(origin.clone(), error),
    })
}

/// Whether there is a key behind a password, in the form of today (RFC 7468 11) or in that of old
/// (RFC 1421 4.6.1.1).
fn is_encrypted(pem: &[u8]) -> bool {
    let marks = [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        "Proc-Type: 4,ENCRYPTED",
    ];
    let text = String::from_utf8_lossy(pem);
    marks.iter().any(|mark| text.contains(mark))
}
