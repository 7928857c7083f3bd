//! TLS over any transport.
mod config;
mod engine;
mod error;
mod factory;
mod hello;
mod info;
mod records;
mod role;
mod session;
mod switch;
mod transport;
pub use config::{
    ClientCertificates, ClientOptions, ConfigError, Identities, Identity, Origin, Resumption,
    ServerOptions, TrustRoots, crypto_provider,
};
pub use error::TlsError;
pub use factory::TlsFactory;
pub use info::TlsInfo;
pub use role::TlsRole;
pub use switch::{start_tls, stop_tls, stop_tls_unanswered};
pub use transport::TlsTransport;
