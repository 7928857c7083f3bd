//! What is done to many messages at once.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Mailbox;
use crate::delivery::unique_name;
use crate::index::sync_parent;
use crate::lock::Lock;
use crate::message::FileName;
use crate::{Flags, StoreError};

impl Mailbox {
    /// Changes the flags of messages: `change` makes the new ones of those that the message has now, whatever other programs
    /// have done. Messages that have been removed are left out.
    ///
    /// One rename a message, under the lock: callers with very many messages do it in parts.
    pub fn change_flags(
        &mut self,
        uids: &[u32],
        change: impl Fn(Flags) -> Flags,
    ) -> Result<(), StoreError> {
        self.rename(uids, |file| file.with_flags(change(file.flags)))
            .map(drop)
    }

    /// Removes messages for good, under the lock. Those that have been removed already are left out. After an error, some of
    /// the messages are gone and the others are there.
    pub fn remove(&mut self, uids: &[u32]) -> Result<(), StoreError> {
        let _lock = Lock::of_mailbox(&self.directory)?;
        let mut gone = HashSet::new();
        let mut outcome = Ok(());
        for uid in uids {
            match self.with_path_locked(*uid, |path| fs::remove_file(path)) {
                Ok(()) => {
                    gone.insert(*uid);
                }
                Err(StoreError::NoSuchMessage) => {}
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        // Callers remove many messages in parts: what lies around a part is not looked at.
        let (least, most) = (gone.iter().min(), gone.iter().max());
        let place = |before: &dyn Fn(u32) -> bool| {
            self.messages.partition_point(|message| before(message.uid))
        };
        let first = place(&|uid| least.is_some_and(|least| uid < *least));
        let end = place(&|uid| most.is_some_and(|most| uid <= *most));
        let around = self.messages.drain(first..end);
        let kept: Vec<_> = around
            .filter(|message| !gone.contains(&message.uid))
            .collect();
        self.messages.splice(first..first, kept);
        outcome
    }

    /// Takes notice of the new messages: they are no longer [new](crate::Message::is_new) for other programs. Returns the
    /// UIDs of those that were new until this call: the `\Recent` ones, of which each is returned to one caller.
    pub fn take_new(&mut self) -> Result<Vec<u32>, StoreError> {
        let new = self.messages.iter().filter(|message| message.is_new());
        let new: Vec<u32> = new.map(|message| message.uid).collect();
        self.rename(&new, |file| file.with_flags(file.flags))
    }

    /// Copies messages, with their flags and dates: all, or none after an error. Returns the UID of each, and the UID of
    /// its copy. Messages that have been removed are left out.
    pub fn copy_to(
        &mut self,
        uids: &[u32],
        target: &mut Mailbox,
    ) -> Result<Vec<(u32, u32)>, StoreError> {
        let mut made: Vec<(u32, String, PathBuf)> = Vec::new();
        for uid in uids {
            match self.copy_one(*uid, target) {
                Ok((name, path)) => made.push((*uid, name, path)),
                Err(StoreError::NoSuchMessage) => {}
                Err(error) => {
                    for (_, _, path) in made {
                        let _ = fs::remove_file(path);
                    }
                    return Err(error);
                }
            }
        }
        if let Some((_, _, path)) = made.last() {
            sync_parent(path)?;
        }
        target.stamp = None;
        target.refresh()?;
        let uids = target.messages.iter();
        let uids: HashMap<&str, u32> = uids.map(|message| (&*message.base, message.uid)).collect();
        // A copy that another program has removed already has no UID.
        let pairs = made
            .iter()
            .filter_map(|(uid, name, _)| Some((*uid, *uids.get(&**name)?)));
        Ok(pairs.collect())
    }

    /// Copies messages, and removes them here. Each message is in one of both mailboxes at every moment.
    pub fn move_to(
        &mut self,
        uids: &[u32],
        target: &mut Mailbox,
    ) -> Result<Vec<(u32, u32)>, StoreError> {
        let pairs = self.copy_to(uids, target)?;
        let copied: Vec<u32> = pairs.iter().map(|(uid, _)| *uid).collect();
        self.remove(&copied)?;
        Ok(pairs)
    }

    /// One copy. Files are never changed, so a second name for the same file is one, where the file system has such.
    fn copy_one(&mut self, uid: u32, target: &Mailbox) -> Result<(String, PathBuf), StoreError> {
        let message = self.message(uid).ok_or(StoreError::NoSuchMessage)?;
        let (size, flags) = (message.size, message.flags());
        let name = format!("{},S={size}", unique_name());
        let draft = target.directory.join("tmp").join(&name);
        let file_name = format!("{name}{}", flags.suffix(""));
        let path = target.directory.join("cur").join(file_name);
        self.with_path(uid, |source| {
            fs::hard_link(source, &draft).or_else(|_| copy_contents(source, &draft))
        })?;
        if let Err(error) = fs::rename(&draft, &path) {
            let _ = fs::remove_file(&draft);
            return Err(StoreError::at(&path)(error));
        }
        Ok((name, path))
    }

    /// Gives the files of messages other names. Returns the UIDs of those that this call has renamed.
    ///
    /// A name has the flags of now as long as it exists. If it does not, another program has changed them: then the
    /// directories are read, once for each such change.
    fn rename(
        &mut self,
        uids: &[u32],
        change: impl Fn(&FileName) -> FileName,
    ) -> Result<Vec<u32>, StoreError> {
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        let _lock = Lock::of_mailbox(&self.directory)?;
        self.stamp = None;
        let mut renamed = Vec::new();
        for uid in uids {
            let mut outcome = self.rename_one(*uid, &change)?;
            if outcome == Renamed::Elsewhere {
                self.scan()?;
                outcome = self.rename_one(*uid, &change)?;
            }
            if outcome == Renamed::Yes {
                renamed.push(*uid);
            }
        }
        Ok(renamed)
    }

    fn rename_one(
        &mut self,
        uid: u32,
        change: impl Fn(&FileName) -> FileName,
    ) -> Result<Renamed, StoreError> {
        let place = self
            .messages
            .binary_search_by_key(&uid, |message| message.uid);
        let Ok(at) = place else {
            return Ok(Renamed::No);
        };
        let message = &self.messages[at];
        let after = change(&message.file);
        let from = message.file.path(&self.directory, &message.base);
        let outcome = if after == message.file {
            fs::metadata(&from).map(|_| Renamed::No)
        } else {
            let to = after.path(&self.directory, &message.base);
            fs::rename(&from, &to).map(|()| Renamed::Yes)
        };
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Renamed::Elsewhere),
            Err(error) => Err(StoreError::at(&from)(error)),
            Ok(outcome) => {
                self.messages[at].file = after;
                Ok(outcome)
            }
        }
    }
}

/// What has become of a name.
#[derive(PartialEq, Eq)]
enum Renamed {
    Yes,
    /// It is as it should be, or the message has been removed.
    No,
    /// There is no such file, but there may be another one of the same message.
    Elsewhere,
}

/// A copy with the same date, on the disk before this returns.
fn copy_contents(from: &Path, to: &Path) -> io::Result<()> {
    let copied = fs::copy(from, to).and_then(|_| {
        let file = fs::OpenOptions::new().write(true).open(to)?;
        file.set_modified(fs::metadata(from)?.modified()?)?;
        file.sync_all()
    });
    if copied.is_err() {
        let _ = fs::remove_file(to);
    }
    copied
}
