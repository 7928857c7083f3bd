mod changes;
mod scan;

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::lock::Lock;
use crate::{Delivery, Message, StoreError};

use scan::Stamp;

/// One mailbox, as it was at the last look: [`Store::mailbox`](crate::Store::mailbox) opens it, and
/// [`refresh`](Mailbox::refresh) looks again. Any number of these may be open on one directory, in any number of processes.
#[derive(Debug)]
pub struct Mailbox {
    home: PathBuf,
    pub(crate) directory: PathBuf,
    name: String,
    uid_validity: u32,
    uid_next: u32,
    /// In ascending order of the UIDs.
    messages: Vec<Message>,
    /// When the directories were changed that the last look has seen; `None` if that look may have been too early.
    stamp: Option<Stamp>,
}

/// How old a file in `tmp` is before it is taken for the rest of a process that has died, as the convention for maildirs says.
const STALE: Duration = Duration::from_secs(36 * 60 * 60);

impl Mailbox {
    pub(crate) fn open(
        home: PathBuf,
        directory: PathBuf,
        name: String,
    ) -> Result<Self, StoreError> {
        if !directory.join("tmp").is_dir() {
            return Err(StoreError::NoSuchMailbox(name));
        }
        let mut mailbox = Mailbox {
            home,
            directory,
            name,
            uid_validity: 0,
            uid_next: 0,
            messages: Vec::new(),
            stamp: None,
        };
        mailbox.remove_stale_drafts();
        mailbox.refresh()?;
        Ok(mailbox)
    }

    /// The name: INBOX is in capitals.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number that changes if UIDs mean other messages than before (RFC 3501 2.3.1.1).
    pub fn uid_validity(&self) -> u32 {
        self.uid_validity
    }

    /// The least UID that the next message can get.
    pub fn uid_next(&self) -> u32 {
        self.uid_next
    }

    /// The messages at the last look, in the order of their UIDs.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// One message.
    pub fn message(&self, uid: u32) -> Option<&Message> {
        let at = self
            .messages
            .binary_search_by_key(&uid, |message| message.uid);
        Some(&self.messages[at.ok()?])
    }

    /// The UID of a message that was just delivered, by the name that [`Delivery::finish`] has returned. Looks again if it
    /// has to.
    pub fn uid_of(&mut self, file_name: &str) -> Result<u32, StoreError> {
        let find = |mailbox: &Mailbox| {
            let mut messages = mailbox.messages.iter().rev();
            messages
                .find(|message| &*message.base == file_name)
                .map(|message| message.uid)
        };
        if find(self).is_none() {
            self.stamp = None;
            self.refresh()?;
        }
        find(self).ok_or(StoreError::NoSuchMessage)
    }

    /// A text that means one message among all that this mailbox has ever had: up to 21 characters, digits and one dot. For
    /// POP3's UIDL.
    pub fn unique_id(&self, message: &Message) -> String {
        format!("{}.{}", self.uid_validity, message.uid)
    }

    /// Begins a message of at most `limit` bytes.
    pub fn deliver(&self, limit: Option<u64>) -> Result<Delivery, StoreError> {
        Delivery::new(self.directory.clone(), limit)
    }

    /// The text of a message. The file stays readable if the message is removed meanwhile.
    pub fn read(&mut self, uid: u32) -> Result<File, StoreError> {
        self.with_path(uid, |path| File::open(path))
    }

    /// When the message came.
    pub fn date(&mut self, uid: u32) -> Result<SystemTime, StoreError> {
        self.with_path(uid, |path| fs::metadata(path)?.modified())
    }

    /// What processes that died have left. A failure here does no harm: the next program tries again.
    fn remove_stale_drafts(&self) {
        let entries = fs::read_dir(self.directory.join("tmp"));
        for entry in entries.into_iter().flatten().flatten() {
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            let age = modified.ok().and_then(|modified| modified.elapsed().ok());
            if age.is_some_and(|age| age > STALE) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Does something with the file of a message. If the file is not where it was, another program may have given it other
    /// flags: then looks where it is now, and does it there.
    fn with_path<R>(
        &mut self,
        uid: u32,
        act: impl Fn(&PathBuf) -> std::io::Result<R>,
    ) -> Result<R, StoreError> {
        match self.try_path(uid, &act)? {
            Some(outcome) => Ok(outcome),
            None => {
                let _lock = Lock::of_mailbox(&self.directory)?;
                self.with_path_locked(uid, act)
            }
        }
    }

    /// The same, where the lock is taken already.
    fn with_path_locked<R>(
        &mut self,
        uid: u32,
        act: impl Fn(&PathBuf) -> std::io::Result<R>,
    ) -> Result<R, StoreError> {
        if let Some(outcome) = self.try_path(uid, &act)? {
            return Ok(outcome);
        }
        self.scan()?;
        self.try_path(uid, act)?.ok_or(StoreError::NoSuchMessage)
    }

    /// `None` if there is no such file now.
    fn try_path<R>(
        &self,
        uid: u32,
        act: impl Fn(&PathBuf) -> std::io::Result<R>,
    ) -> Result<Option<R>, StoreError> {
        let message = self.message(uid).ok_or(StoreError::NoSuchMessage)?;
        let path = message.file.path(&self.directory, &message.base);
        match act(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            outcome => outcome.map(Some).map_err(StoreError::at(&path)),
        }
    }
}
