use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why the store did not do something. Nothing that was accepted before is lost by it.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// No user and no mailbox can have this name.
    BadName(String),
    /// There is no mailbox of this name. It may have been deleted since it was opened.
    NoSuchMailbox(String),
    /// There is a mailbox of this name already.
    MailboxExists(String),
    /// INBOX cannot be deleted, and no mailbox can become it.
    IsInbox,
    /// The message has been removed.
    NoSuchMessage,
    /// The message is larger than the delivery allows, in bytes.
    TooLarge {
        /// The limit of the delivery.
        limit: u64,
    },
    /// Another process has kept the lock of the mailbox for too long. Try again later.
    Busy(PathBuf),
    /// The disk is full, or the quota of the user that the server runs as.
    NoRoom(PathBuf, io::Error),
    /// The server may not read or write there.
    Denied(PathBuf, io::Error),
    /// Any other failure of the file system.
    Disk(PathBuf, io::Error),
}

impl StoreError {
    /// What the file system says about a path.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.to_owned();
        move |error| match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                StoreError::NoRoom(path, error)
            }
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                StoreError::Denied(path, error)
            }
            _ => StoreError::Disk(path, error),
        }
    }

    /// Whether the file system says that there is no such file.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, StoreError::Disk(_, error) if error.kind() == ErrorKind::NotFound)
    }
}

impl Display for StoreError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::BadName(name) => write!(f, "{name:?} cannot be a name"),
            StoreError::NoSuchMailbox(name) => write!(f, "there is no mailbox {name:?}"),
            StoreError::MailboxExists(name) => write!(f, "there is a mailbox {name:?} already"),
            StoreError::IsInbox => write!(f, "INBOX cannot be deleted or replaced"),
            StoreError::NoSuchMessage => write!(f, "the message has been removed"),
            StoreError::TooLarge { limit } => {
                write!(f, "the message is larger than {limit} bytes")
            }
            StoreError::Busy(path) => write!(
                f,
                "{} is locked by another process: try again later",
                path.display()
            ),
            StoreError::NoRoom(path, _) => write!(
                f,
                "no room for {}: free some space, or raise the quota",
                path.display()
            ),
            StoreError::Denied(path, _) => write!(
                f,
                "no permission for {}: run the server as the owner of the mail",
                path.display()
            ),
            StoreError::Disk(path, _) => write!(f, "cannot use {}", path.display()),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StoreError::NoRoom(_, error)
            | StoreError::Denied(_, error)
            | StoreError::Disk(_, error) => Some(error),
            _ => None,
        }
    }
}
