//! Where messages end up: whole, or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use crate::support::Mistake;

/// A directory with one file for each message.
pub(crate) struct Mailbox {
    directory: PathBuf,
}

/// A message that is being received. Dropped before it is complete, it leaves nothing behind.
pub(crate) struct Draft {
    file: BufWriter<File>,
    /// A name that no reader of the mailbox takes for a message.
    draft: PathBuf,
    message: PathBuf,
}

impl Mailbox {
    /// The mailbox in this directory, which is made if it does not exist.
    pub(crate) fn open(directory: &Path) -> Result<Self, Mistake> {
        fs::create_dir_all(directory)
            .map_err(|error| format!("cannot use {}: {error}", directory.display()))?;
        Ok(Mailbox::later(directory))
    }

    /// The same, made when the first message comes.
    pub(crate) fn later(directory: &Path) -> Self {
        Mailbox {
            directory: directory.into(),
        }
    }

    pub(crate) fn draft(&self) -> io::Result<Draft> {
        /// How many there were in this process: part of a name that no other message gets.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let now = Timestamp::now().as_microsecond();
        let name = format!("{now}-{}-{count}", process::id());
        fs::create_dir_all(&self.directory)?;
        let draft = self.directory.join(format!(".{name}.part"));
        let file = File::create_new(&draft)?;
        Ok(Draft {
            file: BufWriter::new(file),
            draft,
            message: self.directory.join(format!("{name}.eml")),
        })
    }
}

impl Draft {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Makes a message of it, which not even a power failure undoes. This waits for the disk: a
    /// server with more to do hands it to a thread.
    pub(crate) fn complete(mut self) -> io::Result<PathBuf> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.draft, &self.message)?;
        if let Some(directory) = self.message.parent() {
            File::open(directory)?.sync_all()?;
        }
        Ok(self.message.clone())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // There is none any more where it has become a message.
        let _ = fs::remove_file(&self.draft);
    }
}
