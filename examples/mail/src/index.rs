use std::collections::HashMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::StoreError;
use crate::lock::Lock;

/// Which UID belongs to which name, in the file `retwist-uids` of a mailbox:
///
/// ```text
/// retwist-uids 1 UIDVALIDITY UIDNEXT
/// UID NAME
/// ```
///
/// It is read and written under the lock of the mailbox.
pub(crate) struct Index {
    pub(crate) uid_validity: u32,
    pub(crate) uid_next: u32,
    /// In ascending order of the UIDs.
    pub(crate) names: Vec<(u32, Arc<str>)>,
    pub(crate) is_changed: bool,
}

const FILE: &str = "retwist-uids";
const MAGIC: &str = "retwist-uids 1 ";

impl Index {
    /// The index of a mailbox. If there is none, or other programs have damaged it, all messages get new UIDs, and
    /// UIDVALIDITY says so.
    pub(crate) fn read(mailbox: &Path, home: &Path) -> Result<Self, StoreError> {
        let path = mailbox.join(FILE);
        match fs::read(&path) {
            Ok(text) => {
                if let Some(index) = Index::parse(&text) {
                    return Ok(index);
                }
                log::error!("{} is damaged: its messages get new UIDs", path.display());
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::at(&path)(error)),
        }
        Index::new(home)
    }

    /// No message has a UID yet.
    pub(crate) fn new(home: &Path) -> Result<Self, StoreError> {
        Ok(Index {
            uid_validity: next_validity(home)?,
            uid_next: 1,
            names: Vec::new(),
            is_changed: true,
        })
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?.strip_suffix('\n')?;
        let mut lines = text.split('\n');
        let (uid_validity, uid_next) = lines.next()?.strip_prefix(MAGIC)?.split_once(' ')?;
        let uid_validity = uid_validity.parse().ok().filter(|number| *number > 0)?;
        let uid_next = uid_next.parse().ok()?;
        let mut names: Vec<(u32, Arc<str>)> = Vec::new();
        for line in lines {
            let (uid, name) = line.split_once(' ')?;
            let uid = uid.parse().ok()?;
            let before = names.last().map_or(0, |(uid, _)| *uid);
            if uid <= before || uid >= uid_next {
                return None;
            }
            names.push((uid, name.into()));
        }
        Some(Index {
            uid_validity,
            uid_next,
            names,
            is_changed: false,
        })
    }

    pub(crate) fn by_name(&self) -> HashMap<&str, u32> {
        let names = self.names.iter();
        names.map(|(uid, name)| (&**name, *uid)).collect()
    }

    /// Gives a message the next UID; `None` if there is no number left.
    pub(crate) fn add(&mut self, name: &str) -> Option<u32> {
        let uid = self.uid_next;
        self.uid_next = uid.checked_add(1)?;
        self.names.push((uid, name.into()));
        self.is_changed = true;
        Some(uid)
    }

    pub(crate) fn write(&self, mailbox: &Path) -> Result<(), StoreError> {
        let mut text = format!("{MAGIC}{} {}\n", self.uid_validity, self.uid_next);
        for (uid, name) in &self.names {
            text += &format!("{uid} {name}\n");
        }
        replace(&mailbox.join(FILE), text.as_bytes())
    }
}

/// A UIDVALIDITY that no mailbox of this user has had, even if it was deleted a moment ago and comes again.
fn next_validity(home: &Path) -> Result<u32, StoreError> {
    let path = home.join("retwist-uidvalidity");
    let _lock = Lock::of_home(home)?;
    let last = match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().unwrap_or(0),
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(StoreError::at(&path)(error)),
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(1, |time| u32::try_from(time.as_secs()).unwrap_or(1));
    let next = now.max(u32::saturating_add(last, 1));
    replace(&path, format!("{next}\n").as_bytes())?;
    Ok(next)
}

/// Gives a file other contents, all at once, on the disk before this returns.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> Result<(), StoreError> {
    let draft = path.with_extension("draft");
    let written = fs::File::create(&draft).and_then(|mut file| {
        file.write_all(contents)?;
        file.sync_all()
    });
    let replaced = written.and_then(|()| fs::rename(&draft, path));
    if let Err(error) = replaced {
        let _ = fs::remove_file(&draft);
        return Err(StoreError::at(path)(error));
    }
    sync_parent(path)
}

/// Has the disk keep the names in the directory of this file.
pub(crate) fn sync_parent(path: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    if let Some(directory) = path.parent() {
        let synced = fs::File::open(directory).and_then(|directory| directory.sync_all());
        synced.map_err(StoreError::at(directory))?;
    }
    let _ = path;
    Ok(())
}
