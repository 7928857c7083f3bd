use std::cell::Cell;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::rc::Rc;

use mio::unix::SourceFd;
use mio::{Interest, Token};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, WaitIdStatus, pidfd_open, waitid};
use std::os::fd::AsFd;

use super::WatchedChild;
use crate::Reason;
use crate::core::sources::{Source, Sources};
use crate::machines::output::ReadBuffer;
use crate::stream::Ready;

/// The descriptor of a child that was started just now: as long as its status is not taken, its pid
/// is its own.
pub(super) fn open(child: &Child) -> io::Result<OwnedFd> {
    Ok(pidfd_open(Pid::from_child(child), PidfdFlags::empty())?)
}

/// Whether the system has no such call, or a filter of system calls hides it.
pub(super) fn is_missing(error: &io::Error) -> bool {
    let missing = [Errno::NOSYS, Errno::PERM, Errno::INVAL];
    missing
        .map(|errno| Some(errno.raw_os_error()))
        .contains(&error.raw_os_error())
}

/// The status of the process, if it has ended; with `wait`, once it has.
pub(super) fn status(pidfd: &OwnedFd, wait: bool) -> io::Result<Option<ExitStatus>> {
    let mut options = WaitIdOptions::EXITED;
    options.set(WaitIdOptions::NOHANG, !wait);
    let status = waitid(WaitId::PidFd(pidfd.as_fd()), options)?;
    Ok(status.map(|status| ExitStatus::from_raw(raw(&status))))
}

/// As `wait` has it: the code in the second byte, or the signal in the first one.
fn raw(status: &WaitIdStatus) -> i32 {
    const CORE_DUMPED: i32 = 0x80;
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => (code & 0xff) << 8,
        (None, Some(signal)) if status.dumped() => signal | CORE_DUMPED,
        (None, signal) => signal.unwrap_or(0),
    }
}

/// Watches a child by its descriptor.
pub(super) fn watch(sources: &Rc<Sources>, child: &Rc<WatchedChild>) -> io::Result<()> {
    let Some(pidfd) = &child.pidfd else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let source = Rc::new(ByDescriptor {
        child: child.clone(),
        sources: sources.clone(),
        token: Cell::new(Token(usize::MAX)),
    });
    let number = pidfd.as_raw_fd();
    let mut descriptor = SourceFd(&number);
    let token = sources.add(source.clone(), &mut descriptor, Interest::READABLE)?;
    source.token.set(token);
    Ok(())
}

/// A child whose descriptor becomes readable at its end. The sources own it.
struct ByDescriptor {
    child: Rc<WatchedChild>,
    sources: Rc<Sources>,
    token: Cell<Token>,
}

impl ByDescriptor {
    fn forget(&self) {
        if let Some(pidfd) = &self.child.pidfd {
            let number = pidfd.as_raw_fd();
            let mut descriptor = SourceFd(&number);
            self.sources.remove(self.token.get(), &mut descriptor);
        }
    }
}

impl Source for ByDescriptor {
    fn ready(&self, _: Ready, _: &mut ReadBuffer) {
        if self.child.look() {
            self.forget();
        }
    }

    fn drain(&self) {
        self.child.drain();
    }

    fn stop(&self) {
        self.child.stop();
        if self.child.has_told() {
            self.forget();
        }
    }

    fn abort(&self, _: Reason) {
        self.child.abort();
        self.forget();
    }
}
