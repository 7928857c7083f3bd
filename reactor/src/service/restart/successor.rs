//! The side of the new program.

use std::fs::File;
use std::io::Write;
use std::os::fd::{OwnedFd, RawFd};

use super::RestartError;
use crate::core::fleet;
use crate::inherited::{ListenFds, bytes, handed, take_once};
use crate::{
    DescriptorStream, InheritedError, Phase, Protocol, ReactorHandle, Reason, SystemEvent,
    TransportRef,
};

/// Tells the program before this one which descriptors this one does not want, by their numbers with commas
/// between them. It comes first.
pub(super) const CLOSED: &[u8] = b"CLOSED=";
/// What that program waits for.
pub(super) const READY: &[u8] = b"READY=1\n";
/// What tells this program to accept.
pub(super) const GO: &[u8] = b"GO=1\n";

/// If this program replaces another one, says so to that one when the reactor has started.
pub(super) fn attach(reactor: &ReactorHandle) -> Result<(), RestartError> {
    let Some(number) = bytes::ready().map_err(RestartError::Inherited)? else {
        return Ok(());
    };
    match ListenFds::get() {
        Ok(_) | Err(InheritedError::NothingPassed) => {}
        // Ports were opened anew that were to be taken over.
        Err(error) => return Err(RestartError::Inherited(error)),
    }
    let (ready, go) = descriptors(number)?;
    let mut ready = File::from(ready);
    handed::wait(true);
    reactor
        .open_descriptors(DescriptorStream::reading(go), Gate)
        .map_err(RestartError::Gate)?;
    let clock = reactor.clock().clone();
    reactor.add_system_event_trigger(Phase::After, SystemEvent::Startup, move |_| {
        // Behind the other triggers: those that were called when it runs.
        clock.call_soon(move || {
            let closed = handed::close_others();
            bytes::close();
            if let Err(error) = ready.write_all(&told(&closed)) {
                log::warn!(
                    "the program before this one is not there to hear that this one is ready: {error}"
                );
            }
        });
    });
    Ok(())
}

fn descriptors(ready: RawFd) -> Result<(OwnedFd, OwnedFd), RestartError> {
    let take = |number| take_once(number).map_err(RestartError::Inherited);
    Ok((take(ready)?, take(ready + 1)?))
}

fn told(closed: &[RawFd]) -> Vec<u8> {
    if closed.is_empty() {
        return READY.to_vec();
    }
    let numbers: Vec<_> = closed.iter().map(RawFd::to_string).collect();
    [CLOSED, numbers.join(",").as_bytes(), b"\n", READY].concat()
}

/// Waits for word that this program is to accept, or for the end of the one before.
struct Gate;

impl Protocol for Gate {
    fn data_received(&mut self, transport: &TransportRef, _: &[u8]) {
        transport.lose_connection();
    }

    fn connection_lost(&mut self, _: &Reason) {
        handed::wait(false);
        log::info!("the program before this one has given over, and this one serves");
        for remote in fleet::all() {
            // One that has ended has no ports.
            let _ = remote.call_from_thread(|reactor| {
                if let Some(core) = reactor.core.upgrade() {
                    core.sources.all_again();
                }
            });
        }
    }
}
