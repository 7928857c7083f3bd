//! The identities of the examples under TLS, and what they trust.

use std::path::{Path, PathBuf};

use lexopt::{Arg, Parser};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use retwist::TransportRef;
use retwist::tls::{Identity, TlsError, TrustRoots};

use super::Mistake;

/// Who a server says it is: `--cert FILE --key FILE`. Or else this machine, on the word of a
/// throw-away authority, which clients trust that have the certificate of `--ca-out FILE`.
#[derive(Default)]
pub(crate) struct Credentials {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    authority_out: Option<PathBuf>,
}

impl Credentials {
    /// Takes one of its own options; any other is a mistake.
    pub(crate) fn option(&mut self, option: &str, arguments: &mut Parser) -> Result<(), Mistake> {
        let place = match option {
            "cert" => &mut self.certificate,
            "key" => &mut self.key,
            "ca-out" => &mut self.authority_out,
            _ => return Err(Arg::Long(option).unexpected().into()),
        };
        *place = Some(arguments.value()?.into());
        Ok(())
    }

    /// Whether any of its options was.
    pub(crate) fn are_given(&self) -> bool {
        self.certificate.is_some() || self.key.is_some() || self.authority_out.is_some()
    }

    /// Whether a throw-away authority is to be written to a file, for others to trust.
    pub(crate) fn shows_authority(&self) -> bool {
        self.authority_out.is_some()
    }

    /// The identity in the files of the options, `None` without these options. The key may be in the
    /// file of the certificate.
    pub(crate) fn given(&self) -> Result<Option<Identity>, Mistake> {
        match (&self.certificate, &self.key, &self.authority_out) {
            (Some(_), _, Some(_)) => Err("--ca-out is for a server without --cert".into()),
            (Some(certificate), None, _) => Ok(Some(Identity::from_pem_file(certificate)?)),
            (Some(certificate), Some(key), _) => {
                Ok(Some(Identity::from_pem_files(certificate, key)?))
            }
            (None, Some(_), _) => Err("--key needs --cert".into()),
            (None, None, _) => Ok(None),
        }
    }

    /// The identity of a server.
    pub(crate) fn of_server(&self) -> Result<Identity, Mistake> {
        if let Some(identity) = self.given()? {
            return Ok(identity);
        }
        let authority = Authority::new()?;
        if let Some(path) = &self.authority_out {
            authority.write(path)?;
        }
        authority.identity()
    }
}

/// An authority that lives as long as the program. Its key never leaves it.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    pub(crate) fn new() -> Result<Self, Mistake> {
        let mut about = CertificateParams::default();
        let name = "throw-away authority of a retwist example";
        about.distinguished_name.push(DnType::CommonName, name);
        about.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        about.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = about.self_signed(&key)?.pem();
        let issuer = Issuer::new(about, key);
        Ok(Authority {
            issuer,
            certificate,
        })
    }

    /// Writes its certificate to a file, for others to trust.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Mistake> {
        std::fs::write(path, &self.certificate)
            .map_err(|error| format!("cannot write {}: {error}", path.display()).into())
    }

    /// This machine, by the names that it has for itself.
    pub(crate) fn identity(&self) -> Result<Identity, Mistake> {
        let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
        let mut about = CertificateParams::new(names)?;
        about
            .distinguished_name
            .push(DnType::CommonName, "localhost");
        about.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        about.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        about.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = about.signed_by(&key, &self.issuer)?;
        Ok(Identity::from_pem(certificate.pem(), key.serialize_pem())?)
    }

    /// What to trust in order to trust the identities that it gave.
    pub(crate) fn roots(&self) -> Result<TrustRoots, Mistake> {
        Ok(TrustRoots::from_pem(&self.certificate)?)
    }
}

/// What a client trusts, `--ca FILE`, and the name that the server has to have, `--name NAME`.
#[derive(Default)]
pub(crate) struct Trust {
    pub(crate) authorities: Option<PathBuf>,
    pub(crate) name: Option<String>,
}

impl Trust {
    /// Whether any of its options was.
    pub(crate) fn is_given(&self) -> bool {
        self.authorities.is_some() || self.name.is_some()
    }

    /// The authorities in the file, or else those that the system trusts.
    pub(crate) fn roots(&self) -> Result<TrustRoots, Mistake> {
        Ok(match &self.authorities {
            Some(file) => TrustRoots::from_pem_file(file)?,
            None => TrustRoots::platform()?,
        })
    }

    /// The name that the server's certificate must be for.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("localhost")
    }
}

/// For starting and stopping TLS where nothing sensible is left to do if that fails. Above all not
/// to go on in clear.
pub(crate) fn or_abort<T>(transport: &TransportRef, outcome: Result<T, TlsError>) {
    if let Err(error) = outcome {
        log::error!("{}: {error}", transport.peer());
        transport.abort_connection();
    }
}
