use std::fmt::{self, Debug};
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use super::sessions::PerRoots;
use super::{ConfigError, TrustRoots};
use crate::witness::note;

/// Verifies peers by the roots that count now, and takes notes of what they show and sign with. The
/// judgement is rustls's.
pub(super) struct Verifier<V: ?Sized> {
    build: Build<V>,
    current: PerRoots<Arc<V>>,
    /// The names of the roots, for clients that have several certificates.
    hints: Hints,
}

type Build<V> = Box<dyn Fn(Arc<RootCertStore>) -> Result<Arc<V>, ConfigError> + Send + Sync>;

/// Of a client, for its server.
pub(super) fn of_servers(
    roots: TrustRoots,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<Verifier<dyn ServerCertVerifier>>, ConfigError> {
    Verifier::new(roots, move |store| {
        let verifier = WebPkiServerVerifier::builder_with_provider(store, provider.clone());
        let verifier: Arc<dyn ServerCertVerifier> =
            verifier.build().map_err(ConfigError::refused)?;
        Ok(verifier)
    })
}

/// Of a server, for its clients, whose certificate may be `required`.
pub(super) fn of_clients(
    roots: TrustRoots,
    provider: Arc<CryptoProvider>,
    required: bool,
) -> Result<Arc<Verifier<dyn ClientCertVerifier>>, ConfigError> {
    Verifier::new(roots, move |store| {
        let mut verifier = WebPkiClientVerifier::builder_with_provider(store, provider.clone());
        if !required {
            verifier = verifier.allow_unauthenticated();
        }
        verifier.build().map_err(ConfigError::refused)
    })
}

impl<V: ?Sized> Verifier<V> {
    fn new(
        roots: TrustRoots,
        build: impl Fn(Arc<RootCertStore>) -> Result<Arc<V>, ConfigError> + Send + Sync + 'static,
    ) -> Result<Arc<Self>, ConfigError> {
        let store = roots.store().1;
        Ok(Arc::new(Verifier {
            hints: Hints::new(store.subjects()),
            current: PerRoots::new(roots, build(store)?),
            build: Box::new(build),
        }))
    }

    fn current(&self) -> Arc<V> {
        self.current.current(|roots, before| {
            let store = roots.store().1;
            self.hints.add(store.subjects());
            // What was built of some roots can be built of others.
            (self.build)(store).unwrap_or_else(|error| {
                log::error!("the trust roots cannot be used, so the old ones stay: {error}");
                before.clone()
            })
        })
    }
}

impl<V: ?Sized + Debug> Debug for Verifier<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.current().fmt(f)
    }
}

/// Names of roots that rustls borrows from the verifier, so that none can be taken back: others come
/// behind them, when the roots have changed.
struct Hints {
    subjects: Vec<DistinguishedName>,
    next: OnceLock<Box<Hints>>,
}

impl Hints {
    fn new(subjects: Vec<DistinguishedName>) -> Self {
        Hints {
            subjects,
            next: OnceLock::new(),
        }
    }

    fn last(&self) -> &Hints {
        let mut last = self;
        while let Some(next) = last.next.get() {
            last = next;
        }
        last
    }

    fn add(&self, subjects: Vec<DistinguishedName>) {
        let last = self.last();
        let names = |all: &[DistinguishedName]| -> Vec<Vec<u8>> {
            all.iter().map(|name| name.as_ref().to_vec()).collect()
        };
        if names(&last.subjects) != names(&subjects) {
            // One thread at a time builds.
            let _ = last.next.set(Box::new(Hints::new(subjects)));
        }
    }
}

fn note_signature(signed: &DigitallySignedStruct) {
    note(|notes| notes.peer_signature = Some(signed.scheme));
}

impl ServerCertVerifier for Verifier<dyn ServerCertVerifier> {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !ocsp_response.is_empty() {
            note(|notes| notes.ocsp_response = Some(ocsp_response.into()));
        }
        self.current().verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        note_signature(signed);
        self.current().verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        note_signature(signed);
        self.current().verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.current().supported_verify_schemes()
    }
}

impl ClientCertVerifier for Verifier<dyn ClientCertVerifier> {
    fn client_auth_mandatory(&self) -> bool {
        self.current().client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Those of the roots that count now.
        self.current();
        &self.hints.last().subjects
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.current()
            .verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        note_signature(signed);
        self.current().verify_tls12_signature(message, cert, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        note_signature(signed);
        self.current().verify_tls13_signature(message, cert, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.current().supported_verify_schemes()
    }
}
