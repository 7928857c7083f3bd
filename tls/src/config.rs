mod client;
mod error;
mod files;
mod identities;
mod identity;
mod reload;
mod roots;
mod server;
mod sessions;
mod ticket_keys;
mod validity;
mod verifier;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use client::ClientOptions;
pub use error::{ConfigError, Origin};
pub(crate) use error::{protocol_name, verifier_error};
pub use identities::Identities;
pub use identity::Identity;
pub use reload::{Reload, Reloading};
pub use roots::TrustRoots;
pub use server::{ClientCertificates, Resumption, ServerOptions};
pub use ticket_keys::TicketKeys;
pub use validity::Validity;

/// The cryptography that the options of this crate use: what the process has installed as its
/// default, or else aws-lc-rs, or else ring, as the features of this crate say.
pub fn crypto_provider() -> Arc<CryptoProvider> {
    if let Some(provider) = CryptoProvider::get_default() {
        return provider.clone();
    }
    #[cfg(feature = "aws-lc-rs")]
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc-rs"))]
    let provider = rustls::crypto::ring::default_provider();
    provider.into()
}

/// Names of application protocols as rustls wants them.
fn names<I>(names: I) -> Vec<Vec<u8>>
where
    I: IntoIterator<Item: AsRef<[u8]>>,
{
    names
        .into_iter()
        .map(|name| name.as_ref().to_vec())
        .collect()
}

/// The first of these names that is malformed (RFC 7301 3.1), if any. rustls does not check.
pub(crate) fn bad_protocol_name(names: &[Vec<u8>]) -> Option<&[u8]> {
    let bad = names.iter().find(|name| !(1..=255).contains(&name.len()));
    bad.map(Vec::as_slice)
}

fn checked(names: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, ConfigError> {
    match bad_protocol_name(&names) {
        Some(name) => Err(ConfigError::ProtocolName(name.into())),
        None => Ok(names),
    }
}
