//! A certificate that the runner makes once, for all peers.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::args::{Args, Result};
use crate::load::tickets::Tickets;

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

pub(crate) fn client_config(folder: &Path, args: &Args) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("cert.pem"))?)?;
    let mut provider = aws_lc_rs::default_provider();
    if args.common {
        provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
        provider.cipher_suites = vec![aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384];
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = if args.resume {
        Resumption::store(Arc::<Tickets>::default())
    } else {
        Resumption::disabled()
    };
    Ok(Arc::new(config))
}
