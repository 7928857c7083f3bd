use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::ConfigError;

/// The files that something was read from, and what they were then.
///
/// What is evil here: a file can be changed while it is read, and be half written for a while. So the
/// state of the files is looked at *before* they are read: whatever is written later makes another
/// state, and they are read again. And what cannot be read leaves the state as it is, so that the next
/// look tries again.
#[derive(Debug)]
pub(super) struct Files {
    paths: Vec<PathBuf>,
    stamps: Vec<Option<Stamp>>,
    /// What was wrong with them at the last look, so that the log says it once.
    trouble: Mutex<Option<String>>,
}

/// One state of a file. A file that is replaced within one tick of the file system's clock, by one of
/// the same size, differs in its number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
    number: u64,
}

impl Files {
    /// As they are now; they are to be read next.
    pub(super) fn about_to_read(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let paths: Vec<_> = paths.into_iter().collect();
        Files {
            stamps: stamps(&paths),
            paths,
            trouble: Mutex::default(),
        }
    }

    /// These and those, each as it was when it was read.
    pub(super) fn with(&self, others: &Files) -> Self {
        Files {
            paths: [&self.paths[..], &others.paths].concat(),
            stamps: [&self.stamps[..], &others.stamps].concat(),
            trouble: Mutex::default(),
        }
    }

    pub(super) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Whether one of them is not as it was when it was read.
    pub(super) fn have_changed(&self) -> bool {
        stamps(&self.paths) != self.stamps
    }

    /// Whether they can be read more than once. A pipe is read to its end, and then waits for more: it is
    /// one of those that `<(command)` of a shell makes.
    pub(super) fn can_be_read_again(&self) -> bool {
        let is_pipe = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|data| !data.is_file());
        !self.paths.iter().any(is_pipe)
    }

    /// Says in the log why they cannot be used, if that was not said before, or `always`.
    pub(super) fn cannot_be_used(&self, what: &str, error: &ConfigError, always: bool) {
        let words = retwist_reactor::error_chain(error);
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if always || trouble.as_ref() != Some(&words) {
            log::error!("{what} has changed and cannot be used, so the old one stays: {words}");
            *trouble = Some(words);
        }
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Option<Stamp>> {
    paths.iter().map(|path| stamp(path)).collect()
}

/// `None` for what is not there, or no file.
fn stamp(path: &Path) -> Option<Stamp> {
    let data = std::fs::metadata(path).ok().filter(|data| data.is_file())?;
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(&data);
    #[cfg(not(unix))]
    let number = 0;
    Some(Stamp {
        modified: data.modified().ok(),
        size: data.len(),
        number,
    })
}
