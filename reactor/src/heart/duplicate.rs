//! The descriptor of a connection, lent to code that sets what this crate has no setting for.
//!
//! What is lent is a duplicate of it, for as long as one call takes: nothing in it can close the
//! connection, and nothing in the connection can end what is lent.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What a transport at the bottom answers with, when it is asked for this type.
pub(crate) struct Duplicate(Cell<Option<io::Result<OwnedFd>>>);

impl Duplicate {
    pub(crate) fn new(made: io::Result<OwnedFd>) -> Self {
        Duplicate(Cell::new(Some(made)))
    }

    pub(crate) fn take(&self) -> Option<io::Result<OwnedFd>> {
        self.0.take()
    }
}

/// Lends what was made, if there is any.
pub(crate) fn lend<R>(
    made: Option<io::Result<OwnedFd>>,
    act: impl FnOnce(BorrowedFd<'_>) -> R,
) -> io::Result<R> {
    let made = made.unwrap_or_else(|| Err(io::ErrorKind::NotConnected.into()))?;
    Ok(act(made.as_fd()))
}
