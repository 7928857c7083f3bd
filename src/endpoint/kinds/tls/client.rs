use retwist_tls::{ClientOptions, TlsRole, TrustRoots};

use super::super::values;
use super::{Bounds, alpn, identity, roots};
use crate::endpoint::{ClientEndpoint, EndpointError, Position, Value};

pub(super) const NAMES: [&str; 10] = [
    "trustRoots",
    "name",
    "certificate",
    "privateKey",
    "alpn",
    "resumption",
    "logKeys",
    "handshakeTimeout",
    "closeTimeout",
    "outputLimit",
];

pub(super) fn client(
    position: &Position,
    given: [Option<Value>; 10],
    below: ClientEndpoint,
) -> Result<ClientEndpoint, EndpointError> {
    let [
        trusted,
        name,
        certificate,
        key,
        protocols,
        resume,
        log_keys,
        limits @ ..,
    ] = given;
    let roots = match &trusted {
        Some(file) => roots(file)?,
        None => TrustRoots::platform().map_err(|error| values::refused(position, &error))?,
    };
    let mut options = ClientOptions::new(roots).alpn(alpn(protocols)?);
    if let Some(identity) = identity(certificate, key)? {
        options = options.identity(identity);
    }
    let is_none = |text: &str| (text == "none").then_some(());
    if let Some(resume) = resume {
        resume.read("none", is_none)?;
        options = options.no_resumption();
    }
    if values::yes(log_keys)? {
        options = options.log_keys();
    }
    let config = options
        .build()
        .map_err(|error| values::refused(position, &error))?;
    let (server, named_at) = match (&name, below.host()) {
        (Some(name), _) => (values::host(name)?, name.position()),
        (None, Some(host)) => {
            let position = below.host_position().unwrap_or(position);
            (host.to_owned(), position.clone())
        }
        (None, None) => return Err(position.missing("name")),
    };
    let role = TlsRole::client(config, values::without_scope(&server))
        .map_err(|error| values::refused(&named_at, &error))?;
    let role = Bounds::of(limits)?.on(role);
    Ok(below.tls(role))
}
