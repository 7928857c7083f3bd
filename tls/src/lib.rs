//! TLS over any transport.
mod config;
mod error;
mod hello;
mod info;
#[allow(dead_code, reason = "the layer that uses it comes next")]
mod records;
mod role;
#[allow(dead_code, reason = "the layer that uses it comes next")]
mod session;
pub use config::{
    ClientCertificates, ClientOptions, ConfigError, Identities, Identity, Origin, Resumption,
    ServerOptions, TrustRoots, crypto_provider,
};
pub use error::TlsError;
pub use info::TlsInfo;
pub use role::TlsRole;
