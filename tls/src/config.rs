mod client;
mod error;
mod identities;
mod identity;
mod roots;
mod server;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use client::ClientOptions;
pub use error::{ConfigError, Origin};
pub use identities::Identities;
pub use identity::Identity;
pub use roots::TrustRoots;
pub use server::{ClientCertificates, Resumption, ServerOptions};

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

/// Protocol names as rustls wants them.
fn names<I>(names: I) -> Vec<Vec<u8>>
where
    I: IntoIterator<Item: AsRef<[u8]>>,
{
    names
        .into_iter()
        .map(|name| name.as_ref().to_vec())
        .collect()
}
