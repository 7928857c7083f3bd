//! TLS, both ways.

mod client;
mod server;

use std::time::Duration;

use retwist_tls::{Identity, TlsRole, TrustRoots};

use super::values;
use crate::endpoint::{EndpointError, Endpoints, Mistake, Value};

pub(super) fn add(mut endpoints: Endpoints) -> Endpoints {
    for kind in ["tls", "ssl"] {
        let server = (server::NAMES, server::server);
        let client = (client::NAMES, client::client);
        endpoints = endpoints.over_tcp(kind, server, client);
    }
    endpoints
}

/// The certificate and the key in these files, of which one may contain both. `None` if neither is
/// given.
fn identity(
    certificate: Option<Value>,
    key: Option<Value>,
) -> Result<Option<Identity>, EndpointError> {
    let (identity, blamed) = match (certificate, key) {
        (Some(certificate), Some(key)) => (
            Identity::from_pem_files(certificate.text(), key.text()),
            certificate,
        ),
        (Some(both), None) | (None, Some(both)) => (Identity::from_pem_file(both.text()), both),
        (None, None) => return Ok(None),
    };
    identity
        .map(Some)
        .map_err(|error| blamed.mistake(Mistake::Tls(retwist_reactor::error_chain(&error))))
}

fn roots(file: &Value) -> Result<TrustRoots, EndpointError> {
    TrustRoots::from_pem_file(file.text())
        .map_err(|error| file.mistake(Mistake::Tls(retwist_reactor::error_chain(&error))))
}

fn alpn(value: Option<Value>) -> Result<Vec<String>, EndpointError> {
    let wanted = "names of protocols such as h2,http/1.1";
    let name = |name: &str| (1..=255).contains(&name.len()).then(|| name.to_owned());
    value.map_or(Ok(Vec::new()), |value| values::list(&value, wanted, name))
}

/// The bounds of a TLS connection; `None` leaves the default.
#[derive(Clone, Copy)]
struct Bounds {
    handshake_timeout: Option<Duration>,
    close_timeout: Option<Duration>,
    output_limit: Option<u32>,
}

impl Bounds {
    fn of([handshake, close, output]: [Option<Value>; 3]) -> Result<Self, EndpointError> {
        let seconds = |value: Option<Value>| value.as_ref().map(values::seconds).transpose();
        Ok(Bounds {
            handshake_timeout: seconds(handshake)?,
            close_timeout: seconds(close)?,
            output_limit: output.as_ref().map(values::count).transpose()?,
        })
    }

    fn on(self, mut role: TlsRole) -> TlsRole {
        if let Some(limit) = self.handshake_timeout {
            role = role.handshake_timeout(limit);
        }
        if let Some(limit) = self.close_timeout {
            role = role.close_timeout(limit);
        }
        if let Some(bytes) = self.output_limit {
            role = role.output_limit(bytes as usize);
        }
        role
    }
}
