use std::fs;
use std::path::{Path, PathBuf};

use crate::index::sync_parent;
use crate::{Mailbox, StoreError, User, name};

/// The mail of all users, in one directory that any number of programs share.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// The store in this directory, which is made if it does not exist.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(root).map_err(StoreError::at(root))?;
        Ok(Store { root: root.into() })
    }

    /// Opens a mailbox of a user, and looks at what is in it. Every user has INBOX.
    pub fn mailbox(&self, user: &User, name: &str) -> Result<Mailbox, StoreError> {
        let name = name::mailbox(name)?;
        let home = self.home(user)?;
        let directory = directory(&home, &name);
        Mailbox::open(home, directory, name)
    }

    /// Where the mail of a user is: also the directory of INBOX.
    pub(crate) fn home(&self, user: &User) -> Result<PathBuf, StoreError> {
        let home = self.root.join(user.name());
        if !home.join("tmp").is_dir() {
            make_mailbox(&home)?;
        }
        Ok(home)
    }
}

/// The directory of a mailbox.
pub(crate) fn directory(home: &Path, name: &str) -> PathBuf {
    match name {
        "INBOX" => home.into(),
        other => home.join(format!(".{other}")),
    }
}

/// Makes the directories of a mailbox, as far as they are missing. `tmp` comes last: so it shows that all are there.
pub(crate) fn make_mailbox(directory: &Path) -> Result<(), StoreError> {
    for folder in ["new", "cur", "tmp"] {
        let folder = directory.join(folder);
        fs::create_dir_all(&folder).map_err(StoreError::at(&folder))?;
        sync_parent(&folder)?;
    }
    sync_parent(directory)
}
