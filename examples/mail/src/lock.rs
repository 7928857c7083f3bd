use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use fs4::{FileExt, TryLockError};

use crate::StoreError;

/// The right to change names in a directory, among all processes of this library. It ends with the value, and with the
/// process.
///
/// A holder does nothing but a few calls to the file system, so waiting is short. A process that was stopped while it held
/// the lock must not stop the others for good: they give up after [`PATIENCE`].
pub(crate) struct Lock {
    _file: File,
}

const PATIENCE: Duration = Duration::from_secs(2);

impl Lock {
    /// The lock of a mailbox.
    pub(crate) fn of_mailbox(directory: &Path) -> Result<Self, StoreError> {
        Lock::take(directory.join("retwist-lock"))
    }

    /// The lock of what a user has beside mailboxes. It is taken last.
    pub(crate) fn of_home(directory: &Path) -> Result<Self, StoreError> {
        Lock::take(directory.join("retwist-home-lock"))
    }

    fn take(path: PathBuf) -> Result<Self, StoreError> {
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(StoreError::at(&path))?;
        let mut began = None;
        loop {
            match FileExt::try_lock(&file) {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::Error(error)) => return Err(StoreError::at(&path)(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            if began.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                return Err(StoreError::Busy(path));
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}
