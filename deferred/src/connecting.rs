//! Clients: the addresses of a host, a connection with it, and another one when that is lost.

mod ascii_host;
mod backoff;
mod client_service;
mod connect;
mod dialer;
mod factory_connector;
mod host_port;
mod hostname_endpoint;
mod network;
mod reconnecting;
mod resolver;
mod service_error;
mod watch;

pub use ascii_host::ascii_host;
pub use backoff::Backoff;
pub use client_service::{ClientService, ServiceState};
#[cfg(feature = "dns")]
pub(crate) use connect::dial_tcp;
pub use connect::{connect, connect_protocol};
pub use dialer::{DialError, Dialer, DialerExt};
pub use host_port::{HostPort, IntoHostPort};
pub use hostname_endpoint::HostnameEndpoint;
pub use network::Network;
pub use reconnecting::{Reconnecting, Retries};
pub use resolver::{ResolveError, Resolver, SystemResolver};
pub use service_error::{AttemptError, ServiceError};
