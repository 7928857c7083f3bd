//! A certificate that the runner makes once, for all peers.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::args::{Args, Result};

/// Writes `cert.pem` and `key.pem`.
pub fn make(folder: &Path) -> Result<()> {
    let made = rcgen::generate_simple_self_signed(["localhost".into()])?;
    fs::create_dir_all(folder)?;
    fs::write(folder.join("cert.pem"), made.cert.pem())?;
    fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
    Ok(())
}

pub fn server_config(args: &Args) -> Result<Arc<ServerConfig>> {
    let folder = args.tls.as_deref().ok_or("TLS needs --tls")?;
    let chain = vec![CertificateDer::from_pem_file(folder.join("cert.pem"))?];
    let key = PrivateKeyDer::from_pem_file(folder.join("key.pem"))?;
    let config = ServerConfig::builder().with_no_client_auth();
    Ok(Arc::new(config.with_single_cert(chain, key)?))
}

pub(crate) fn client_config(folder: &Path, resume: bool) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("cert.pem"))?)?;
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let mut config = builder.with_no_client_auth();
    if !resume {
        config.resumption = rustls::client::Resumption::disabled();
    }
    Ok(Arc::new(config))
}
