mod attempt;
mod error;
mod layout;
mod successor;

use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use self::attempt::Attempt;
pub use self::error::RestartError;
use super::notices::Notices;
use crate::inherited::handed;
use crate::{ReactorHandle, ReactorState, Signal, SignalHandler};

/// Replaces the program by its new version, with nothing lost: the new one gets the sockets that this one
/// listens on, and when it says that it is ready, this one [drains](ReactorHandle::drain) and ends.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use retwist_reactor as retwist;
/// # use retwist::{Protocol, TransportRef};
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, t: &TransportRef, data: &[u8]) { t.write(data) }
/// # }
/// use std::time::Duration;
/// use retwist::{Reactor, Restart};
///
/// let reactor = Reactor::new()?;
/// reactor.listen_tcp(8007, |_| Echo)?;
/// let restarting = Restart::new().drain(Duration::from_secs(60)).attach(&reactor)?;
/// // `kill -USR2` starts the new version.
/// reactor.run()?;
/// # Ok(()) }
/// ```
///
/// The program is started with the arguments that this one was started with, from the path that this one
/// was started from: so what lies there now is the new version. It does all that it did before, and
/// attaches a `Restart` too. A port that it opens (TCP, UNIX, UDP with a number of its own) takes over the
/// socket of the same address, with the connections that wait there; of several
/// workers, each takes one of those of the workers before. A port that only the new one has is opened. One that only
/// this one has is closed when it drains, and the log says so. Sockets of a service manager
/// ([`ListenFds`](crate::ListenFds)) are passed on, and so are descriptors that the program has asked for by
/// their numbers ([`inherited_descriptor`](crate::inherited_descriptor), the endpoint `fd:`), with the same numbers. The
/// lock of a UNIX socket goes with the socket: it is held all the time. What else the new one needs,
/// [`hand_over`](crate::hand_over) gives it.
///
/// Two things are opened anew. A UDP port that asks for any number gets another one, since the socket may be that of
/// a client. And an address that contains another (`0.0.0.0` and `127.0.0.1`, with the same number)
/// is not the same: the new version cannot have it, so the restart fails.
///
/// ```text
/// it goes wrong                                    then
/// -------------------------------------------------+---------------------------------------------------
/// the new one cannot be started, exits, or is not  | it is killed, the log says why, and this one goes on
/// ready in time, or ends soon after it was ready   | as if nothing had been
/// it ends while this one drains                    | it is started again, with the same sockets; what it served
///                                                  | is lost, and what connects waits in the queues
/// this one is killed before it has given over      | the new one serves; what this one served is lost
/// another restart is asked for meanwhile, of this  | the log says that there is one already
/// one or of the new one                            |
/// ```
///
/// When this one has ended, the new one is on its own: if it fails then, a service manager has to start it.
///
/// Under a service manager, the new process becomes the main one (`MAINPID=`): `Type=notify` with
/// `NotifyAccess=all` is needed for that. A program that is the first process of a container cannot be
/// replaced so, because the container ends with it: it goes on, and the log says so.
#[derive(Clone, Debug)]
pub struct Restart {
    signal: Option<Signal>,
    ready_timeout: Duration,
    probation: Duration,
    drain: Duration,
}

impl Restart {
    /// With SIGUSR2 as the signal, 30 s for the new program until it is ready, a second in which it has to
    /// live after that, and 30 s for the drain.
    #[allow(clippy::new_without_default, reason = "a restart is set up on purpose")]
    pub fn new() -> Self {
        Restart {
            signal: Some(Signal::USR2),
            ready_timeout: Duration::from_secs(30),
            probation: Duration::from_secs(1),
            drain: Duration::from_secs(30),
        }
    }

    /// Whether a new version has taken the sockets over from this process, which only finishes what it serves.
    /// Clients are served at the same addresses as before: so what tells of the health of the service says
    /// that it is served.
    pub fn has_been_replaced() -> bool {
        handed::are_given_away()
    }

    /// The signal that begins a restart; with `None`, only [`Restarting::restart`] does.
    #[must_use]
    pub fn signal(self, signal: Option<Signal>) -> Self {
        Restart { signal, ..self }
    }

    /// How long the new program may take until it is ready.
    #[must_use]
    pub fn ready_timeout(self, ready_timeout: Duration) -> Self {
        Restart {
            ready_timeout,
            ..self
        }
    }

    /// How long the new program has to live after it was ready, before it accepts connections in place of this
    /// one, which then drains.
    #[must_use]
    pub fn probation(self, probation: Duration) -> Self {
        Restart { probation, ..self }
    }

    /// How long this program [drains](ReactorHandle::drain) at most.
    #[must_use]
    pub fn drain(self, drain: Duration) -> Self {
        Restart { drain, ..self }
    }

    /// Has the reactor of the main thread, or that which waits for the workers, restart the program from
    /// now on. If this program is itself the new version, the one before hears that it is ready as soon
    /// as the reactor has started.
    pub fn attach(self, reactor: &ReactorHandle) -> Result<Restarting, RestartError> {
        successor::attach(reactor)?;
        let notices = match std::env::var_os("NOTIFY_SOCKET") {
            Some(manager) => Some(Notices::to(&manager, reactor.clock().clone())?),
            None => None,
        };
        let shared = Rc::new(Shared {
            reactor: reactor.clone(),
            program: program()?,
            notices,
            attempt: RefCell::default(),
            settings: self,
        });
        let weak = Rc::downgrade(&shared);
        let handler = match shared.settings.signal {
            Some(signal) => Some(reactor.on_signal(signal, move || {
                if let Some(shared) = weak.upgrade() {
                    shared.restart();
                }
            })?),
            None => None,
        };
        Ok(Restarting {
            shared,
            _handler: handler,
        })
    }
}

/// A program that can be restarted, as long as this lives: made by [`Restart::attach`].
#[must_use = "the program is not restarted when this is dropped"]
pub struct Restarting {
    shared: Rc<Shared>,
    _handler: Option<SignalHandler>,
}

impl Restarting {
    /// Begins a restart, as the signal does. Whether it can, and how it goes, is in the log.
    pub fn restart(&self) {
        self.shared.restart();
    }
}

struct Shared {
    reactor: ReactorHandle,
    program: PathBuf,
    notices: Option<Rc<Notices>>,
    attempt: RefCell<Option<Rc<Attempt>>>,
    settings: Restart,
}

impl Shared {
    fn restart(self: &Rc<Self>) {
        let state = self.reactor.state();
        if state != ReactorState::Running {
            return log::warn!("no restart: the reactor does not run, or ends already");
        }
        if self.attempt.borrow().is_some() {
            return log::warn!("no restart: there is one under way");
        }
        if std::process::id() == 1 {
            return log::warn!(
                "no restart: this is the first process of its container, which would end with it"
            );
        }
        if handed::is_waiting() {
            // With a third one, two would serve if the first of them went on.
            return log::warn!("no restart: the program before this one has not given over yet");
        }
        log::info!("restarting: {} is started", self.program.display());
        match Attempt::begin(self) {
            Ok(attempt) => *self.attempt.borrow_mut() = Some(attempt),
            Err(error) => log::error!(
                "the restart has failed, and this program goes on: {}",
                crate::error_chain(&error)
            ),
        }
    }

    fn tell_manager(&self, notice: &str) {
        if let Some(notices) = &self.notices {
            notices.tell(notice);
        }
    }
}

/// The path that the program was started from. What lies there may change, and so may the working
/// directory.
fn program() -> Result<PathBuf, RestartError> {
    let name = std::env::args_os().next().unwrap_or_default();
    let path = PathBuf::from(name);
    if path.as_os_str().is_empty() {
        return Err(RestartError::NoPath);
    }
    match path.components().count() {
        // It is found in PATH.
        1 if !path.has_root() => Ok(path),
        _ => std::path::absolute(path).map_err(RestartError::Path),
    }
}

impl fmt::Debug for Restarting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Restarting")
            .field("program", &self.shared.program)
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}
