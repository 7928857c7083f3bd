use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::sign::CertifiedKey;

use super::crypto_provider;
use super::error::{ConfigError, Origin, read};
use super::files::Files;
use super::validity::{Validity, Watch};

/// A certificate, those that lead from it to an authority, and the private key.
///
/// ```no_run
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
/// use retwist::tls::{Identity, ServerOptions, TlsRole};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let identity = Identity::from_pem_files("server.crt", "server.key")?;
/// println!("{} certificates", identity.certificates().len());
/// let role = TlsRole::server(ServerOptions::new(identity).build()?);
/// # Ok(()) }
/// ```
#[doc(alias = "PrivateCertificate")]
#[derive(Clone)]
pub struct Identity {
    certified: Arc<CertifiedKey>,
    /// Where it was read, to be read again: the chain, the key, and perhaps an OCSP response.
    files: Option<Arc<Files>>,
    watch: Arc<Watch>,
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
        Self::read([chain.as_ref().into(), key.as_ref().into()], None)
    }

    fn read([chain, key]: [PathBuf; 2], ocsp: Option<PathBuf>) -> Result<Self, ConfigError> {
        let paths = [chain.clone(), key.clone()].into_iter().chain(ocsp.clone());
        let files = Files::about_to_read(paths);
        let pem = read(&chain)?;
        let certificates = certificates(&pem, &Origin::File(chain.clone()))?;
        // One file is read once: the two belong together then, and a pipe has them once.
        let pem = if key == chain { pem } else { read(&key)? };
        let private_key = private_key(&pem, &Origin::File(key.clone()))?;
        let response = ocsp.map(|path| read(&path)).transpose()?;
        let origins = [chain, key].map(Origin::File);
        let mut identity = Self::from_parts(certificates, private_key, origins)?;
        if let Some(response) = response {
            identity = identity.ocsp_response(response);
        }
        identity.files = Some(files.into());
        Ok(identity.looked_at())
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
        origins: [Origin; 2],
    ) -> Result<Self, ConfigError> {
        Ok(Self::from_parts(chain, key, origins)?.looked_at())
    }

    /// The log says if it is not good now, or not for long.
    fn looked_at(self) -> Self {
        self.watch.look(SystemTime::now(), || self.describe());
        self
    }

    fn from_parts(
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
            watch: Watch::new(&certified.cert[0]).into(),
            certified: certified.into(),
            files: None,
        })
    }

    /// The same, read again from its files; itself, if it was not read from any.
    pub(super) fn again(&self) -> Result<Self, ConfigError> {
        match self.files.as_deref().map(Files::paths) {
            Some([chain, key, rest @ ..]) => {
                Self::read([chain.clone(), key.clone()], rest.first().cloned())
            }
            _ => Ok(self.clone()),
        }
    }

    pub(super) fn files(&self) -> Option<&Arc<Files>> {
        self.files.as_ref()
    }

    /// Tells this one and its clones from others with the same content, as long as one of them lives.
    pub(super) fn key(&self) -> usize {
        Arc::as_ptr(&self.certified).addr()
    }

    /// For people: the first of its names, and the file.
    pub(super) fn describe(&self) -> String {
        let certificate = webpki::EndEntityCert::try_from(&self.certified.cert[0]);
        let name = certificate
            .as_ref()
            .ok()
            .and_then(|read| read.valid_dns_names().next());
        let name = name.map(|name| format!(" for {name}")).unwrap_or_default();
        let file = self
            .files
            .as_deref()
            .and_then(|files| files.paths().first());
        let file = file.map(|file| format!(" in {}", file.display()));
        format!("the certificate{name}{}", file.unwrap_or_default())
    }

    /// Whether its certificate is good at this time.
    ///
    /// By itself, the log says what is not: when the identity is made, and later, at most a day after
    /// it has become true, at a handshake or when [`Reload`](crate::Reload) looks. Each fact once.
    pub fn validity(&self, now: SystemTime) -> Validity {
        self.watch.at(now)
    }

    pub(super) fn look_daily(&self, now: SystemTime) {
        self.watch.look_daily(now, || self.describe());
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

    /// The same, with the OCSP response in this file, which is read again with the certificate.
    pub fn ocsp_response_file(self, path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        match self.files.as_deref().map(Files::paths) {
            Some([chain, key, ..]) => {
                Self::read([chain.clone(), key.clone()], Some(path.as_ref().into()))
            }
            _ => Ok(self.ocsp_response(read(path.as_ref())?)),
        }
    }

    /// The certificates, the own one first.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }

    /// Returns what rustls's own resolvers return.
    pub fn certified_key(&self) -> Arc<CertifiedKey> {
        self.certified.clone()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificates", &self.certificates().len())
            .field("files", &self.files.as_deref().map(Files::paths))
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
