use std::sync::Weak;

use rustls::crypto::hash::HashAlgorithm;
use rustls::crypto::tls13::{HkdfExpander, OkmBlock};
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{CommonState, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite};
use zeroize::Zeroizing;

use crate::TlsError;
use crate::certificate::Certificate;
use crate::config::crypto_provider;
use crate::witness::Notes;

/// Makes keys that both sides of a connection can make, and no host in between (RFC 8446 7.5, RFC 5705).
///
/// rustls has `export_keying_material` for its buffered connections alone (0.23), and this crate uses the
/// unbuffered ones. But it hands the secret that exporters begin with to the key log, and the functions that
/// they are made of are in each cipher suite. The tests compare with what buffered connections export.
///
/// Every connection has one, idle or not, so it is small.
pub(crate) struct Exporter {
    /// As many bytes of it as the suite says.
    secret: Zeroizing<[u8; SECRET]>,
    suite: Suite,
    /// What this side shows, if it is a server. Weak, so that a private key goes with its identity.
    shown: Option<Weak<CertifiedKey>>,
}

enum Suite {
    Tls13(&'static Tls13CipherSuite),
    /// With the randoms of both sides, if they have the extended master secret.
    Tls12(Box<(&'static Tls12CipherSuite, Option<[u8; 64]>)>),
}

/// The longest secret: that of SHA-384, and the master secret of TLS 1.2.
const SECRET: usize = 48;

/// The longest label: with `tls13 ` in front, its length is one byte.
const LONGEST_LABEL: usize = 249;

impl Exporter {
    /// That of a handshake that is over.
    pub(crate) fn new(common: &CommonState, notes: &mut Notes) -> Option<Self> {
        let suite = match common.negotiated_cipher_suite()? {
            SupportedCipherSuite::Tls13(suite) => Suite::Tls13(suite),
            SupportedCipherSuite::Tls12(suite) => {
                let hello = notes.server_hello.take();
                let hello = hello.filter(|hello| hello.extended_master_secret);
                let randoms = hello.zip(notes.client_random).map(|(hello, client)| {
                    let mut randoms = [0; 64];
                    randoms[..32].copy_from_slice(&client);
                    randoms[32..].copy_from_slice(&hello.random);
                    randoms
                });
                Suite::Tls12(Box::new((suite, randoms)))
            }
        };
        let noted = notes.exporter.take()?;
        let noted = noted.as_ref();
        let mut secret = Zeroizing::new([0; SECRET]);
        secret.get_mut(..noted.len())?.copy_from_slice(noted);
        Some(Exporter {
            secret,
            suite,
            shown: notes.shown.take(),
        })
    }

    /// Fills `output` for this label and context.
    pub(crate) fn export(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<(), TlsError> {
        if label.is_empty() || label.len() > LONGEST_LABEL {
            return Err(TlsError::Unavailable(
                "the label of an exporter has 1 to 249 bytes",
            ));
        }
        if context.is_some_and(|context| context.len() > usize::from(u16::MAX)) {
            return Err(TlsError::Unavailable(
                "the context of an exporter has at most 65535 bytes",
            ));
        }
        if output.is_empty() {
            return Err(TlsError::Unavailable("an exporter makes at least one byte"));
        }
        let (suite, randoms) = match &self.suite {
            Suite::Tls13(suite) => return self.export_1_3(suite, output, label, context),
            Suite::Tls12(old) => &**old,
        };
        let mut seed = randoms
            .ok_or(TlsError::Unavailable(
                "without the extended master secret (RFC 7627) a host in between could make the same keys; use TLS 1.3",
            ))?
            .to_vec();
        if let Some(context) = context {
            seed.extend((context.len() as u16).to_be_bytes());
            seed.extend_from_slice(context);
        }
        let prf = suite.prf_provider;
        prf.for_secret(output, &self.secret[..], label, &seed);
        Ok(())
    }

    fn export_1_3(
        &self,
        suite: &Tls13CipherSuite,
        output: &mut [u8],
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<(), TlsError> {
        let hash = suite.common.hash_provider;
        let hkdf = suite.hkdf_provider;
        let secret = self.secret.get(..hash.output_len());
        let secret = secret.ok_or(TlsError::Unavailable("the hash of the suite is too large"))?;
        let mut derived = [0; SECRET];
        let derived = &mut derived[..secret.len()];
        let master = hkdf.expander_for_okm(&OkmBlock::new(secret));
        expand(&*master, label, hash.hash(&[]).as_ref(), derived)?;
        let context = hash.hash(context.unwrap_or_default());
        let secret = hkdf.expander_for_okm(&OkmBlock::new(derived));
        expand(&*secret, b"exporter", context.as_ref(), output)
    }

    /// The hash of the certificate of a server, as `tls-server-end-point` has it (RFC 5929 4.1).
    pub(crate) fn end_point(
        &self,
        peer: Option<&CertificateDer<'_>>,
        is_resumed: bool,
    ) -> Result<Vec<u8>, TlsError> {
        if is_resumed {
            return Err(TlsError::Unavailable(
                "a session that was resumed has no certificate of its own; use tls-exporter",
            ));
        }
        let shown = self.shown.as_ref().map(Weak::upgrade);
        let certificate = match &shown {
            // The peer of a server is a client, whose certificate is not meant.
            Some(shown) => shown.as_ref().and_then(|shown| shown.cert.first()),
            None => peer,
        };
        let certificate = certificate.ok_or(TlsError::Unavailable(
            "the server's certificate has been replaced since, and is not kept; use tls-exporter",
        ))?;
        let hash = Certificate::read(certificate).and_then(|read| read.signature_hash);
        hash.and_then(|hash| digest(hash, certificate))
            .ok_or(TlsError::Unavailable(
                "tls-server-end-point is not defined for the signature on this certificate, or its hash is in no cipher \
                 suite; use tls-exporter",
            ))
    }
}

/// HKDF-Expand-Label (RFC 8446 7.1).
fn expand(
    expander: &dyn HkdfExpander,
    label: &[u8],
    context: &[u8],
    output: &mut [u8],
) -> Result<(), TlsError> {
    const PREFIX: &[u8] = b"tls13 ";
    const TOO_LONG: TlsError =
        TlsError::Unavailable("an exporter makes at most 255 times its hash");
    let length = u16::try_from(output.len()).map_err(|_| TOO_LONG)?;
    let info = [
        &length.to_be_bytes()[..],
        &[(PREFIX.len() + label.len()) as u8],
        PREFIX,
        label,
        &[context.len() as u8],
        context,
    ];
    expander.expand_slice(&info, output).map_err(|_| TOO_LONG)
}

/// The hash of some bytes, if a cipher suite brings the function.
pub(crate) fn digest(wanted: HashAlgorithm, bytes: &[u8]) -> Option<Vec<u8>> {
    let provider = crypto_provider();
    let mut hashes = provider.cipher_suites.iter().map(|suite| match suite {
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider,
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider,
    });
    let hash = hashes.find(|hash| hash.algorithm() == wanted)?;
    Some(hash.hash(bytes).as_ref().to_vec())
}
