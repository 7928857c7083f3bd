use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::CertificateError;
use rustls::pki_types::pem;

/// The reason why a configuration could not be made. It names the file.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// This file could not be read.
    Read(PathBuf, io::Error),
    /// This is not PEM, or not whole.
    Pem(Origin, pem::Error),
    /// There is no certificate in it.
    NoCertificate(Origin),
    /// There is no private key in it.
    NoKey(Origin),
    /// The private key in it is behind a password.
    EncryptedKey(Origin),
    /// The private key does not belong to the certificate, or is of a kind that cannot be used.
    Key(Origin, rustls::Error),
    /// The certificate cannot be used, whatever its private key.
    Certificate(Origin, rustls::Error),
    /// A certificate in it cannot be trusted as a root.
    Root(Origin, rustls::Error),
    /// There is no certificate to trust.
    NoRoots,
    /// This is not the name of an application protocol (ALPN).
    ProtocolName(Box<[u8]>),
    /// More was asked for than there may be.
    TooMany {
        /// Of what, and what about it.
        what: &'static str,
        /// How many were asked for.
        asked: usize,
        /// How many there may be.
        most: usize,
    },
    /// These are no ticket keys, for this reason.
    TicketKeys(Origin, &'static str),
    /// A setting would have no effect beside another one, for this reason.
    Ignored(&'static str),
    /// Anything else that rustls refuses.
    Refused(Box<dyn Error + Send + Sync>),
}

/// Where PEM came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// This file.
    File(PathBuf),
    /// Bytes that the program handed over.
    Memory,
}

impl ConfigError {
    pub(super) fn refused(error: impl Error + Send + Sync + 'static) -> Self {
        ConfigError::Refused(error.into())
    }
}

/// The largest file that is read. The roots of a whole system take 300 KB.
const LARGEST: u64 = 16 << 20;

/// The whole of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(io::Error::other("it has more than 16 MiB"));
        }
        Ok(bytes)
    };
    read().map_err(|error| ConfigError::Read(path.into(), error))
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File(path) => path.display().fmt(f),
            Origin::Memory => f.write_str("the PEM given"),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Read(path, _) => write!(f, "cannot read {}", path.display()),
            ConfigError::Pem(origin, pem::Error::MissingSectionEnd { end_marker }) => {
                let section = String::from_utf8_lossy(end_marker);
                write!(f, "{origin} is cut off: the section {section} has no end")
            }
            ConfigError::Pem(origin, _) => write!(f, "{origin} is not valid PEM"),
            ConfigError::NoCertificate(origin) => {
                write!(
                    f,
                    "{origin} holds no certificate (a section BEGIN CERTIFICATE)"
                )
            }
            ConfigError::NoKey(origin) => {
                write!(
                    f,
                    "{origin} holds no private key (a section BEGIN PRIVATE KEY)"
                )
            }
            ConfigError::EncryptedKey(origin) => {
                write!(
                    f,
                    "the private key in {origin} is encrypted; write it without a password (openssl pkey -in … -out …)"
                )
            }
            ConfigError::Key(origin, rustls::Error::InconsistentKeys(_)) => {
                write!(
                    f,
                    "the private key in {origin} does not belong to the certificate"
                )
            }
            ConfigError::Key(origin, _) => write!(
                f,
                "the private key in {origin} cannot be used; it must be RSA of at least 2048 bits, ECDSA over P-256 or P-384, \
                 or Ed25519 (openssl pkey -in … -noout -text shows what it is)"
            ),
            ConfigError::Certificate(origin, error) if is_old(error) => write!(
                f,
                "the certificate in {origin} is of an old version of X.509 (v1 or v2); have it issued anew as v3, with the host \
                 names as subjectAltName (openssl req -x509 -addext subjectAltName=DNS:… -addext basicConstraints=critical,CA:FALSE makes such a one)"
            ),
            ConfigError::Certificate(origin, _) => {
                write!(f, "the certificate in {origin} cannot be used")
            }
            ConfigError::Root(origin, _) => {
                write!(
                    f,
                    "{origin} holds a certificate that cannot be trusted as an authority"
                )
            }
            ConfigError::NoRoots => {
                f.write_str("there is no authority to trust, so that no peer could be verified")
            }
            ConfigError::ProtocolName(name) => protocol_name(name, f),
            ConfigError::TooMany { what, asked, most } => {
                write!(f, "{asked} {what}: at most {most}")
            }
            ConfigError::TicketKeys(origin, why) => {
                match origin {
                    Origin::File(path) => write!(f, "{}", path.display())?,
                    Origin::Memory => f.write_str("what was given")?,
                }
                write!(
                    f,
                    " {why}: ticket keys are 80 random bytes each (openssl rand 80 > ticket.key)"
                )
            }
            ConfigError::Ignored(why) => f.write_str(why),
            ConfigError::Refused(_) => f.write_str("this TLS configuration is refused"),
        }
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ConfigError::Read(_, error) => Some(error),
            // Said already, and better.
            ConfigError::Pem(_, pem::Error::MissingSectionEnd { .. }) => None,
            ConfigError::Pem(_, error) => Some(error),
            ConfigError::Certificate(_, error) if is_old(error) => None,
            ConfigError::Key(_, error)
            | ConfigError::Certificate(_, error)
            | ConfigError::Root(_, error) => Some(error),
            ConfigError::Refused(error) => Some(&**error),
            ConfigError::NoCertificate(_)
            | ConfigError::NoKey(_)
            | ConfigError::EncryptedKey(_)
            | ConfigError::NoRoots
            | ConfigError::ProtocolName(_)
            | ConfigError::TicketKeys(..)
            | ConfigError::Ignored(_)
            | ConfigError::TooMany { .. } => None,
        }
    }
}

fn is_old(error: &rustls::Error) -> bool {
    matches!(
        error,
        rustls::Error::InvalidCertificate(error)
            if matches!(verifier_error(error), Some(webpki::Error::UnsupportedCertVersion))
    )
}

/// What the verifier said, where rustls has no words of its own for it.
pub(crate) fn verifier_error(error: &CertificateError) -> Option<&webpki::Error> {
    match error {
        CertificateError::Other(error) => error.0.downcast_ref(),
        _ => None,
    }
}

pub(crate) fn protocol_name(name: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "the name of an application protocol (ALPN) has 1 to 255 bytes, and not {}",
        name.len()
    )
}
