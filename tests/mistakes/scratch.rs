//! A folder with certificates that are right, and files that are not.

use std::fs;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

/// Files that go with the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let folder = format!("retwist-mistakes-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).expect("a folder for the test");
        Scratch(folder)
    }

    pub(crate) fn path(&self, file: &str) -> String {
        self.0.join(file).display().to_string()
    }

    pub(crate) fn write(&self, file: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.path(file);
        fs::write(&path, text).expect("a file of the test");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A certificate and its key, in PEM.
pub(crate) struct Made {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// An authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) certificate: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Authority::with(CertificateParams::default(), name)
    }

    /// One whose certificate is for a host, too.
    pub(crate) fn for_host(name: &str) -> Self {
        let parameters = CertificateParams::new([name.to_owned()]).expect("a name");
        Authority::with(parameters, name)
    }

    /// Its own certificate, for a server.
    pub(crate) fn itself(&self) -> Made {
        Made {
            certificate: self.certificate.clone(),
            key: self.issuer.key().serialize_pem(),
        }
    }

    fn with(mut parameters: CertificateParams, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        // Two authorities of one name would pass for one that signs wrongly.
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).expect("an authority").pem();
        let issuer = Issuer::new(parameters, key);
        Authority {
            issuer,
            certificate,
        }
    }

    /// A certificate for a host, for the years from and to.
    pub(crate) fn certify(&self, name: &str, (from, to): (i32, i32)) -> Made {
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::new([name.to_owned()]).expect("a name");
        parameters.not_before = date_time_ymd(from, 1, 1);
        parameters.not_after = date_time_ymd(to, 1, 1);
        let made = parameters.signed_by(&key, &self.issuer);
        Made {
            certificate: made.expect("a certificate").pem(),
            key: key.serialize_pem(),
        }
    }
}

/// Years that today is in.
pub(crate) const VALID: (i32, i32) = (2020, 4096);
