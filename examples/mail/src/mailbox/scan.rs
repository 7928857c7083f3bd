//! How a mailbox is looked at.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Mailbox;
use crate::index::Index;
use crate::lock::Lock;
use crate::message::{FileName, size_in_name};
use crate::{Message, StoreError};

/// When `new` and `cur` were last changed.
pub(super) type Stamp = [SystemTime; 2];

/// How coarse the times of a file system may be. A change that is younger may be followed by another with the same time.
const COARSE: Duration = Duration::from_secs(2);

type Found = HashMap<Arc<str>, FileName>;

impl Mailbox {
    /// Looks at what is there now. If no directory has changed since the last look, this is two system calls.
    pub fn refresh(&mut self) -> Result<(), StoreError> {
        let before = self.read_stamp()?;
        if self.stamp == Some(before) {
            return Ok(());
        }
        let _lock = Lock::of_mailbox(&self.directory)?;
        self.scan()
    }

    /// Looks at both directories. The lock is taken: no program of this library renames a file meanwhile.
    ///
    /// A reader of a directory may miss a file that another program renames while it reads. So a file that is missing is
    /// looked for once more before its UID is given up.
    pub(super) fn scan(&mut self) -> Result<(), StoreError> {
        let stamp = self.read_stamp()?;
        let mut index = Index::read(&self.directory, &self.home)?;
        let mut found = self.read_directories()?;
        let is_missing = |found: &Found| index.names.iter().any(|(_, n)| !found.contains_key(n));
        if is_missing(&found) {
            found.extend(self.read_directories()?);
        }
        let lost = index.names.len();
        index.names.retain(|(_, name)| found.contains_key(name));
        let has_lost = index.names.len() < lost;

        let known = index.by_name();
        let mut fresh: Vec<Arc<str>> = found
            .keys()
            .filter(|n| !known.contains_key(&***n))
            .cloned()
            .collect();
        drop(known);
        fresh.sort_unstable_by(|a, b| by_time(a).cmp(&by_time(b)));
        if fresh.iter().any(|name| index.add(name).is_none()) {
            // The numbers have run out: all messages get new ones.
            let names: Vec<Arc<str>> = index.names.drain(..).map(|(_, name)| name).collect();
            index = Index::new(&self.home)?;
            for name in names.into_iter().chain(fresh) {
                index.add(&name);
            }
        }
        if index.is_changed {
            index.write(&self.directory)?;
        } else if has_lost && let Err(error) = index.write(&self.directory) {
            // A name too many does no harm, and a removal from a full disk needs no room.
            log::warn!("{error}");
        }
        self.adopt(&index, found);
        // Not before the programs have had time for a second change at the same time of the clock.
        let now = SystemTime::now();
        let is_old = |time: &SystemTime| now.duration_since(*time).is_ok_and(|age| age > COARSE);
        self.stamp = stamp.iter().all(is_old).then_some(stamp);
        Ok(())
    }

    /// Takes over what was found. Messages that were known keep their sizes.
    fn adopt(&mut self, index: &Index, mut found: Found) {
        let before = std::mem::take(&mut self.messages);
        let is_same = self.uid_validity == index.uid_validity;
        let mut known = before.into_iter().filter(|_| is_same).peekable();
        for (uid, name) in &index.names {
            let Some(file) = found.remove(name) else {
                continue;
            };
            while known.next_if(|message| message.uid < *uid).is_some() {}
            if let Some(message) = known.next_if(|message| message.uid == *uid) {
                self.messages.push(Message { file, ..message });
                continue;
            }
            let size = size_in_name(name).or_else(|| {
                let metadata = fs::metadata(file.path(&self.directory, name));
                Some(metadata.ok()?.len())
            });
            // A file that has vanished since is missing at the next look.
            self.messages.extend(size.map(|size| Message {
                uid: *uid,
                base: name.clone(),
                size,
                file,
            }));
        }
        self.uid_validity = index.uid_validity;
        self.uid_next = index.uid_next;
    }

    fn read_stamp(&self) -> Result<Stamp, StoreError> {
        let modified = |folder: &str| {
            let path = self.directory.join(folder);
            let metadata = fs::metadata(&path).and_then(|metadata| metadata.modified());
            metadata.map_err(|error| self.unless_gone(StoreError::at(&path)(error)))
        };
        Ok([modified("new")?, modified("cur")?])
    }

    /// The names in both directories. A file that is in both was just about to move to `cur`.
    fn read_directories(&self) -> Result<Found, StoreError> {
        let mut found = Found::with_capacity(self.messages.len());
        for (folder, is_new) in [("new", true), ("cur", false)] {
            let path = self.directory.join(folder);
            let entries = fs::read_dir(&path);
            for entry in entries.map_err(|error| self.unless_gone(StoreError::at(&path)(error)))? {
                let entry = entry.map_err(StoreError::at(&path))?;
                let file_name = entry.file_name();
                let parsed = file_name.to_str().and_then(|n| FileName::parse(n, is_new));
                if let Some((base, file)) = parsed {
                    found.insert(base.into(), file);
                }
            }
        }
        Ok(found)
    }

    fn unless_gone(&self, error: StoreError) -> StoreError {
        match &error {
            StoreError::Disk(_, source) if source.kind() == ErrorKind::NotFound => {
                StoreError::NoSuchMailbox(self.name.clone())
            }
            _ => error,
        }
    }
}

/// In the order in which the messages came: the second and the microsecond in the name, and then the name.
fn by_time(name: &str) -> (u64, u64, &str) {
    let (seconds, rest) = name.split_once('.').unwrap_or((name, ""));
    let micros = rest.strip_prefix('M').map_or(0, |rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit());
        rest[..end.unwrap_or(rest.len())].parse().unwrap_or(0)
    });
    (seconds.parse().unwrap_or(0), micros, name)
}
