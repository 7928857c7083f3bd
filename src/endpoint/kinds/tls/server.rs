use std::path::Path;
use std::sync::Arc;

use retwist_reactor::error_chain;
use retwist_tls::{
    ClientCertificates, Identities, Identity, Reload, Resumption, ServerOptions, TicketKeys,
    TlsRole, TrustRoots,
};

use super::super::values;
use super::{Bounds, alpn, identity, roots};
use crate::endpoint::{EndpointError, Mistake, Position, ServerEndpoint, Value};

pub(super) const NAMES: [&str; 13] = [
    "privateKey",
    "certKey",
    "certificates",
    "trustRoots",
    "clientCertificates",
    "alpn",
    "resumption",
    "tickets",
    "ticketKeys",
    "logKeys",
    "handshakeTimeout",
    "closeTimeout",
    "outputLimit",
];

pub(super) fn server(
    position: &Position,
    given: [Option<Value>; 13],
    below: ServerEndpoint,
) -> Result<ServerEndpoint, EndpointError> {
    let [
        key,
        certificate,
        by_name,
        trusted,
        clients,
        protocols,
        resume,
        tickets,
        ticket_keys,
        log_keys,
        limits @ ..,
    ] = given;
    let identities = match (identity(certificate, key)?, by_name) {
        (Some(identity), None) => Identities::new(identity),
        (Some(identity), Some(folder)) => named(Identities::new(identity), &folder)?,
        (None, Some(folder)) => named(Identities::strict(), &folder)?,
        (None, None) => return Err(position.missing("privateKey")),
    };
    let mut files = Reload::new().identities(&identities);
    let trusted = trusted.as_ref().map(roots).transpose()?;
    if let Some(trusted) = &trusted {
        files = files.roots(trusted);
    }
    let mut options = ServerOptions::choosing(identities)
        .client_certificates(client_certificates(position, clients, trusted)?)
        .alpn(alpn(protocols)?);
    if let Some(keys) = &ticket_keys {
        let read = TicketKeys::from_file(keys.text());
        let read = read.map_err(|error| keys.mistake(Mistake::Tls(error_chain(&error))))?;
        let read = Arc::new(read);
        files = files.ticket_keys(&read);
        options = options.ticket_keys(read);
    }
    let is_said = resume.is_some();
    let resume = resume.map_or(Ok(Resumption::Tickets), |resume| resumption(&resume))?;
    if ticket_keys.is_none() && resume == Resumption::Tickets {
        // A new version of the program reads the same string, and goes on with its sessions.
        match TicketKeys::across_restarts(&position.name()) {
            Ok(keys) => options = options.ticket_keys(keys),
            Err(error) if is_said => return Err(values::refused(position, &error)),
            // The cryptography that is installed has not what tickets need.
            Err(error) => log::info!("sessions are kept in memory: {}", error_chain(&error)),
        }
    }
    if is_said {
        if let Some(keys) = ticket_keys.filter(|_| resume != Resumption::Tickets) {
            let why = "keys of tickets are for resumption=tickets".to_owned();
            return Err(keys.mistake(Mistake::Tls(why)));
        }
        options = options.resumption(resume);
    }
    if let Some(count) = tickets {
        let wanted = "a number of tickets, from 0 to 100";
        let few = |count: &usize| *count <= 100;
        options = options.tickets(count.read(wanted, |text| text.parse().ok().filter(few))?);
    }
    if values::yes(log_keys)? {
        options = options.log_keys();
    }
    let config = options
        .build()
        .map_err(|error| values::refused(position, &error))?;
    // One configuration for all reactors that listen: a session of one can be resumed on another.
    let role = Bounds::of(limits)?.on(TlsRole::server(config));
    Ok(below.tls(role).with_files(&files))
}

/// Whether clients show a certificate. With `trustRoots` alone they must.
fn client_certificates(
    position: &Position,
    clients: Option<Value>,
    trusted: Option<TrustRoots>,
) -> Result<ClientCertificates, EndpointError> {
    let Some(roots) = trusted else {
        return match clients {
            None => Ok(ClientCertificates::None),
            Some(_) => Err(position.missing("trustRoots")),
        };
    };
    match clients {
        None => Ok(ClientCertificates::Required(roots)),
        Some(clients) => clients.read("required or optional", |text| match text {
            "required" => Some(ClientCertificates::Required(roots)),
            "optional" => Some(ClientCertificates::Optional(roots)),
            _ => None,
        }),
    }
}

fn resumption(value: &Value) -> Result<Resumption, EndpointError> {
    let wanted = "none, tickets, or a number of sessions to remember";
    value.read(wanted, |text| match text {
        "none" => Some(Resumption::None),
        "tickets" => Some(Resumption::Tickets),
        sessions => {
            let sessions = sessions.parse().ok().filter(|sessions| *sessions > 0);
            sessions.map(Resumption::Memory)
        }
    })
}

/// One identity for each file `NAME.pem` in a folder.
fn named(identities: Arc<Identities>, folder: &Value) -> Result<Arc<Identities>, EndpointError> {
    let unreadable = |path: &Path, why: &dyn std::error::Error| {
        folder.mistake(Mistake::Tls(format!(
            "{}: {}",
            path.display(),
            error_chain(why)
        )))
    };
    let path = Path::new(folder.text());
    let mut is_empty = true;
    for entry in std::fs::read_dir(path).map_err(|error| unreadable(path, &error))? {
        let file = entry.map_err(|error| unreadable(path, &error))?.path();
        let name = file.file_stem().and_then(|name| name.to_str());
        let (Some(name), Some("pem")) = (name, file.extension().and_then(|end| end.to_str()))
        else {
            continue;
        };
        let identity = Identity::from_pem_file(&file);
        let identity =
            identity.map_err(|error| folder.mistake(Mistake::Tls(error_chain(&error))))?;
        identities.set(name, identity);
        is_empty = false;
    }
    if is_empty {
        let why = format!("there is no NAME.pem in {}", path.display());
        return Err(folder.mistake(Mistake::Tls(why)));
    }
    Ok(identities)
}
