//! What the service manager of the system is told: systemd, or another one with the protocol of
//! `sd_notify`(3).

mod error;
mod notices;
mod restart;
#[cfg(not(target_vendor = "apple"))]
mod run_as;
mod watchdog;

use std::fmt;
use std::rc::Rc;

pub use error::ServiceManagerError;
use notices::Notices;
pub use restart::{Restart, RestartError, Restarting};
#[cfg(not(target_vendor = "apple"))]
pub use run_as::{RunAs, RunAsError};

use crate::inherited::handed;
use crate::{Phase, ReactorHandle, SystemEvent};

/// Tells the service manager how its service is: ready, stopping, reloading, and that it lives. A
/// clone is the same.
///
/// A service of `Type=notify` counts as started when it says so. So services that need it start no
/// earlier, and a start that fails is told as one.
///
/// ```no_run
/// # use retwist_reactor as retwist;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist::{Reactor, ServiceManager};
///
/// let reactor = Reactor::new()?;
/// // … listen …
/// if let Some(manager) = ServiceManager::attach(&reactor)? {
///     manager.status("waiting for its first client");
/// }
/// reactor.run()?;
/// # Ok(()) }
/// ```
///
/// What is told is sent in order. If the manager is too busy to take it, it is sent a little later; the
/// loop never waits for that. What cannot be sent at all is logged.
#[derive(Clone)]
pub struct ServiceManager {
    notices: Rc<Notices>,
}

impl ServiceManager {
    /// Tells the manager `READY=1` when the reactor has started, with all that was asked for before, and
    /// `STOPPING=1` when it begins to stop. If the service has a watchdog (`WatchdogSec=`), the reactor
    /// feeds it twice in its time, from a timer of the loop: a loop that is stuck does not.
    ///
    /// `None`: no service manager wants to be told (`NOTIFY_SOCKET` is not set). Attach one reactor of
    /// a process, that in the main thread.
    pub fn attach(reactor: &ReactorHandle) -> Result<Option<ServiceManager>, ServiceManagerError> {
        let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else {
            return Ok(None);
        };
        let watchdog = watchdog::interval()?;
        let notices = Notices::to(&socket, reactor.clock().clone())?;
        let manager = ServiceManager { notices };
        let ready = manager.clone();
        reactor.add_system_event_trigger(Phase::After, SystemEvent::Startup, move |_| {
            // Behind the other triggers: those that were called when it runs.
            let clock = ready.notices.clock().clone();
            clock.call_soon(move || {
                ready.ready();
                if let Some(interval) = watchdog {
                    watchdog::feed(&ready.notices, interval);
                }
            });
        });
        let stopping = manager.clone();
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move |_| {
            // The service goes on if another program has taken over.
            if !handed::are_given_away() {
                stopping.notices.tell("STOPPING=1");
            }
        });
        Ok(Some(manager))
    }

    /// Tells that the service is ready: by [`attach`](ServiceManager::attach) at the start, and by the
    /// application after each [`reloading`](ServiceManager::reloading).
    pub fn ready(&self) {
        self.notices.tell("READY=1");
    }

    /// Tells that the service reads its configuration anew. When it has, it says that it is
    /// [`ready`](ServiceManager::ready) again.
    pub fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let microseconds = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        let told = format!("RELOADING=1\nMONOTONIC_USEC={microseconds}");
        self.notices.tell(&told);
    }

    /// Says in a line what the service does, as `systemctl status` shows it.
    pub fn status(&self, text: &str) {
        // A line is a variable of the protocol.
        let line = text.replace(['\n', '\r', '\0'], " ");
        self.notices.tell(&format!("STATUS={line}"));
    }
}

impl fmt::Debug for ServiceManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceManager")
    }
}
