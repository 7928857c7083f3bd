//! How a descriptor is kept from blocking the loop.
//!
//! What is evil here: `O_NONBLOCK` belongs to the open file description, which other processes share.
//! A shell that gets its terminal back with the flag set fails in its next read, and so does the
//! program at the other end of a `|` that inherited the same pipe. So the flag is the last resort:
//!
//! ```text
//! a socket                      each call says that it must not block (MSG_DONTWAIT)
//! a file                        never blocks as far as the system is concerned
//! the flag is set already       stays as it is, and is not ours to take back
//! a pipe, a terminal, on Linux  is opened again by /proc/self/fd: a description of our own
//! all else                      the flag is set, and taken back when the stream lets go
//! ```

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::kind::Kind;

/// A descriptor that does not block. Dropping it closes it, and gives back what was changed.
pub(super) struct NonBlocking {
    descriptor: OwnedFd,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    AsItWas,
    /// It has a description of its own: what came before is not known of.
    Reopened,
    /// The flag was set here, and is taken back.
    FlagSet,
}

impl NonBlocking {
    pub(super) fn new(descriptor: OwnedFd, kind: Kind) -> io::Result<Self> {
        let keep = |descriptor, how| Ok(NonBlocking { descriptor, how });
        let flags = fcntl_getfl(&descriptor)?;
        if matches!(kind, Kind::Socket | Kind::File) || flags.contains(OFlags::NONBLOCK) {
            return keep(descriptor, How::AsItWas);
        }
        #[cfg(target_os = "linux")]
        if let Some(own) = linux::reopen(descriptor.as_fd(), kind, flags) {
            return keep(own, How::Reopened);
        }
        fcntl_setfl(&descriptor, flags | OFlags::NONBLOCK)?;
        keep(descriptor, How::FlagSet)
    }

    /// Whether the descriptor was opened again.
    pub(super) fn is_reopened(&self) -> bool {
        self.how == How::Reopened
    }
}

impl AsFd for NonBlocking {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Drop for NonBlocking {
    fn drop(&mut self) {
        if self.how == How::FlagSet
            && let Ok(flags) = fcntl_getfl(&self.descriptor)
        {
            let _ = fcntl_setfl(&self.descriptor, flags - OFlags::NONBLOCK);
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use super::*;
    use rustix::fs::{Mode, fstat, major, minor, open};
    use std::os::fd::AsRawFd;

    /// Opens the same pipe or terminal once more. `None` where the system does not permit it (the
    /// pipe belongs to another user, there is no `/proc`), and where it would be another thing that is
    /// opened: each open of `/dev/ptmx` makes a new pseudo-terminal.
    pub(super) fn reopen(descriptor: BorrowedFd<'_>, kind: Kind, flags: OFlags) -> Option<OwnedFd> {
        let before = fstat(descriptor).ok()?;
        let is_master = (major(before.st_rdev), minor(before.st_rdev)) == (5, 2);
        match kind {
            Kind::Pipe => {}
            Kind::Terminal if !is_master => {}
            _ => return None,
        }
        let path = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
        let wanted = (flags & (OFlags::RWMODE | OFlags::APPEND))
            | OFlags::NONBLOCK
            | OFlags::NOCTTY
            | OFlags::CLOEXEC;
        let own = open(path, wanted, Mode::empty()).ok()?;
        let after = fstat(&own).ok()?;
        ((before.st_dev, before.st_ino) == (after.st_dev, after.st_ino)).then_some(own)
    }
}
