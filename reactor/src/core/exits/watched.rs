use std::cell::{Cell, RefCell};
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::rc::Rc;

use rustix::io::Errno;
use rustix::process::{Pid, kill_process};

use super::HearsExit;
use crate::{ProcessError, ProcessExit, Signal};

/// One child, until its status is taken.
pub(crate) struct WatchedChild {
    child: RefCell<Child>,
    #[cfg(target_os = "linux")]
    pub(super) pidfd: Option<OwnedFd>,
    /// `None` once it has heard of the end.
    listener: RefCell<Option<Rc<dyn HearsExit>>>,
    /// Its status is taken, and its pid may be that of another process.
    is_taken: Cell<bool>,
}

impl WatchedChild {
    pub(super) fn new(
        child: Child,
        #[cfg(target_os = "linux")] pidfd: Option<OwnedFd>,
        listener: Rc<dyn HearsExit>,
    ) -> Rc<Self> {
        Rc::new(WatchedChild {
            child: RefCell::new(child),
            #[cfg(target_os = "linux")]
            pidfd,
            listener: RefCell::new(Some(listener)),
            is_taken: Cell::new(false),
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.borrow().id()
    }

    /// Sends a signal, unless the child has ended.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        if self.is_taken.get() {
            return Err(ProcessError::Exited);
        }
        let named = rustix::process::Signal::from_named_raw(signal.number());
        let named = named.ok_or(ProcessError::UnnamedSignal(signal))?;
        match self.send(named) {
            Ok(()) => Ok(()),
            Err(Errno::SRCH) => Err(ProcessError::Exited),
            Err(Errno::PERM) => Err(ProcessError::NotPermitted(Errno::PERM.into())),
            Err(error) => Err(ProcessError::Failed(error.into())),
        }
    }

    fn send(&self, signal: rustix::process::Signal) -> Result<(), Errno> {
        #[cfg(target_os = "linux")]
        if let Some(pidfd) = &self.pidfd {
            match rustix::process::pidfd_send_signal(pidfd, signal) {
                Err(Errno::NOSYS) => {}
                sent => return sent,
            }
        }
        kill_process(Pid::from_child(&self.child.borrow()), signal)
    }

    /// Takes the status, if the child has ended, and tells. Returns whether it has.
    pub(super) fn look(&self) -> bool {
        if self.is_taken.get() {
            return true;
        }
        match self.take_status(false) {
            Some(exit) => {
                self.tell(exit);
                true
            }
            None => false,
        }
    }

    /// The reactor drains.
    pub(super) fn drain(&self) {
        if let Some(listener) = &*self.listener.borrow() {
            listener.drain();
        }
    }

    /// The reactor is asked to end.
    pub(super) fn stop(&self) {
        // It may leave the child.
        let listener = self.listener.borrow().clone();
        if let Some(listener) = listener {
            listener.stop();
        }
    }

    /// The child goes on by itself.
    pub(crate) fn leave(&self) {
        if self.listener.borrow().is_some() {
            let exit = self.take_status(false);
            self.tell(exit.unwrap_or(ProcessExit::LeftRunning));
        }
    }

    /// Whether there is nothing more to tell.
    #[cfg(target_os = "linux")]
    pub(super) fn has_told(&self) -> bool {
        self.listener.borrow().is_none()
    }

    /// The reactor ends now.
    pub(super) fn abort(&self) {
        let outlives = match &*self.listener.borrow() {
            Some(listener) => listener.outlives_reactor(),
            None => return,
        };
        let exit = if outlives {
            self.take_status(false).unwrap_or(ProcessExit::LeftRunning)
        } else {
            self.kill_and_wait()
        };
        self.tell(exit);
    }

    /// Ends the child now. The wait is short, since a program cannot put off this signal.
    pub(crate) fn kill_and_wait(&self) -> ProcessExit {
        if let Err(error) = self.signal(Signal::KILL)
            && !matches!(error, ProcessError::Exited)
        {
            // It runs as another user. A wait might have no end.
            log::warn!("{error}: process {} is left running", self.pid());
            return self.take_status(false).unwrap_or(ProcessExit::LeftRunning);
        }
        self.take_status(true).unwrap_or(ProcessExit::Unknown)
    }

    fn tell(&self, exit: ProcessExit) {
        let listener = self.listener.take();
        if let Some(listener) = listener {
            listener.exited(exit);
        }
    }

    /// The status, if there is one by now; with `wait`, once there is one.
    fn take_status(&self, wait: bool) -> Option<ProcessExit> {
        let status = loop {
            match self.ask(wait) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                status => break status,
            }
        };
        let exit = match status {
            Ok(None) => return None,
            Ok(Some(status)) => exit_of(status),
            Err(error) => {
                if error.raw_os_error() != Some(libc::ECHILD) {
                    log::error!(
                        "cannot ask for the status of process {}: {error}",
                        self.pid()
                    );
                }
                ProcessExit::Unknown
            }
        };
        self.is_taken.set(true);
        Some(exit)
    }

    fn ask(&self, wait: bool) -> io::Result<Option<ExitStatus>> {
        #[cfg(target_os = "linux")]
        if let Some(pidfd) = &self.pidfd {
            match super::pidfd::status(pidfd, wait) {
                // The system is older than this kind of wait, or something hides it.
                Err(error) if super::pidfd::is_missing(&error) => {}
                status => return status,
            }
        }
        let mut child = self.child.borrow_mut();
        if wait {
            child.wait().map(Some)
        } else {
            child.try_wait()
        }
    }
}

fn exit_of(status: ExitStatus) -> ProcessExit {
    match (status.code(), status.signal().and_then(Signal::from_number)) {
        (Some(code), _) => ProcessExit::Code(code),
        (None, Some(signal)) => ProcessExit::Signal {
            signal,
            core_dumped: status.core_dumped(),
        },
        (None, None) => ProcessExit::Unknown,
    }
}
