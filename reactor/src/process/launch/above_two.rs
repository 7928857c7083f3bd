use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;

use command_fds::{CommandFdExt, FdMapping};
use rustix::io::fcntl_dupfd_cloexec;

use super::{ChildEnds, null};
use crate::SpawnError;

/// Has the command give the child its ends above 2. What is returned has to live until the child has
/// started.
pub(super) fn give(command: &mut Command, ends: ChildEnds) -> Result<Vec<OwnedFd>, SpawnError> {
    let guards = guard(&ends).map_err(SpawnError::TooManyDescriptors)?;
    let mappings = ends.into_iter().map(|(child_fd, parent_fd)| FdMapping {
        parent_fd,
        child_fd,
    });
    // Two for the same number there are not, since a map has them.
    let _ = command.fd_mappings(mappings.collect());
    Ok(guards)
}

/// Takes the numbers that the child's descriptors will have, where they are free in this process. Until
/// `exec`, the child has a pipe of the standard library that tells of a failure. It must not have such a
/// number, or the child would write over it, and the failure would be lost.
fn guard(ends: &ChildEnds) -> io::Result<Vec<OwnedFd>> {
    let null = null()?;
    let mut guards = Vec::new();
    for number in ends.keys() {
        let guard = fcntl_dupfd_cloexec(&null, *number)?;
        if guard.as_raw_fd() == *number {
            guards.push(guard);
        }
    }
    Ok(guards)
}
