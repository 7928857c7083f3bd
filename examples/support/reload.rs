//! SIGHUP: what a server reads again while it serves. Its clients notice nothing.
//!
//! These are the files that change without a change of the program: certificates with their keys,
//! authorities, ticket keys, and the log level. Where the new file cannot be used, the old one counts further, and
//! the log says why. All else is for a new program, which loses nothing either.

use std::sync::{Arc, Mutex, PoisonError};

use retwist::error_chain;
use retwist::tls::{Identities, Identity, Reload, ServerOptions, TicketKeys, TrustRoots};
#[cfg(unix)]
use retwist::{Phase, ReactorHandle, ServiceManager, Signal, SystemEvent};

#[cfg(unix)]
use super::Mistake;
#[cfg(unix)]
use super::logging;

/// What is under TLS in this program.
static TLS: Mutex<Option<Reload>> = Mutex::new(None);

fn add(more: impl FnOnce(Reload) -> Reload) {
    let mut tls = TLS.lock().unwrap_or_else(PoisonError::into_inner);
    *tls = Some(more(tls.take().unwrap_or_default()));
}

/// The options of a server with this identity, whose files are read again. The next version of the program resumes
/// its sessions.
pub(crate) fn server(identity: Identity) -> ServerOptions {
    let identities = Identities::new(identity);
    add(|reload| reload.identities(&identities));
    let options = ServerOptions::choosing(identities);
    match TicketKeys::across_restarts("this program") {
        Ok(keys) => options.ticket_keys(keys),
        Err(error) => {
            log::warn!("sessions end with the program: {}", error_chain(&error));
            options
        }
    }
}

/// Has the file of these keys read again.
pub(crate) fn ticket_keys(keys: &Arc<TicketKeys>) {
    add(|reload| reload.ticket_keys(keys));
}

/// Has the file of these authorities read again.
pub(crate) fn roots(roots: &TrustRoots) {
    add(|reload| reload.roots(roots));
}

/// Has all that `reload` knows read again.
pub(crate) fn all_of(reload: &Reload) {
    add(|before| before.and(reload));
}

/// Has SIGHUP read all that again, and the service manager told of it.
#[cfg(unix)]
pub(crate) fn on_signal(
    reactor: &ReactorHandle,
    manager: Option<ServiceManager>,
) -> Result<(), Mistake> {
    let handler = reactor.on_signal(Signal::HUP, move || {
        if let Some(manager) = &manager {
            manager.reloading();
        }
        now();
        if let Some(manager) = &manager {
            manager.ready();
        }
    })?;
    // As long as the reactor has to end.
    reactor.add_system_event_trigger(Phase::After, SystemEvent::Shutdown, move |_| drop(handler));
    Ok(())
}

#[cfg(unix)]
fn now() {
    log::info!("SIGHUP: certificates, keys, authorities and the log level are read again");
    match (logging::read_again(), logging::file()) {
        (Err(error), _) => log::error!("{}, so the old one stays", error_chain(&*error)),
        (Ok(()), Some(path)) => log::info!("the log level is that in {}", path.display()),
        (Ok(()), None) => {}
    }
    // It says itself what has changed, and what cannot be used.
    let tls = TLS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(tls) = tls {
        tls.now();
    }
}
