use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::index::sync_parent;
use crate::{Flags, StoreError};

/// A message on its way into a mailbox. Dropped before [`finish`](Delivery::finish), it leaves nothing behind.
///
/// It grows in `tmp`, which no reader looks at. A process that ends in the middle leaves a file there; the store removes such
/// files when they are 36 hours old.
#[derive(Debug)]
pub struct Delivery {
    file: BufWriter<File>,
    draft: PathBuf,
    mailbox: PathBuf,
    name: String,
    size: u64,
    limit: u64,
    flags: Flags,
    date: Option<SystemTime>,
    is_synced: bool,
}

impl Delivery {
    pub(crate) fn new(mailbox: PathBuf, limit: Option<u64>) -> Result<Self, StoreError> {
        loop {
            let name = unique_name();
            let draft = mailbox.join("tmp").join(&name);
            let file = match File::create_new(&draft) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Err(StoreError::NoSuchMailbox(mailbox.display().to_string()));
                }
                file => file.map_err(StoreError::at(&draft))?,
            };
            return Ok(Delivery {
                file: BufWriter::with_capacity(32 << 10, file),
                draft,
                mailbox,
                name,
                size: 0,
                limit: limit.unwrap_or(u64::MAX),
                flags: Flags::empty(),
                date: None,
                is_synced: false,
            });
        }
    }

    /// The message has these flags from the beginning. Without this it has none, and is new.
    #[must_use]
    pub fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    /// The time at which the message came, if it is not now.
    #[must_use]
    pub fn date(mut self, date: SystemTime) -> Self {
        self.date = Some(date);
        self
    }

    /// Appends bytes. After an error there is nothing to do but to drop the delivery.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.size = self.size.saturating_add(bytes.len() as u64);
        if self.size > self.limit {
            return Err(StoreError::TooLarge { limit: self.limit });
        }
        self.is_synced = false;
        let written = self.file.write_all(bytes);
        written.map_err(StoreError::at(&self.draft))
    }

    /// How many bytes there are so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Waits until the bytes are on the disk. [`finish`](Delivery::finish) does it, too; this is for a message to many
    /// recipients: the deliveries to all of them are synced, where the disk may be full, before the first is finished.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        if !self.is_synced {
            let flushed = self.file.flush();
            let dated = flushed.and_then(|()| match self.date {
                Some(date) => self.file.get_ref().set_modified(date),
                None => Ok(()),
            });
            let synced = dated.and_then(|()| self.file.get_ref().sync_all());
            synced.map_err(StoreError::at(&self.draft))?;
            self.is_synced = true;
        }
        Ok(())
    }

    /// Makes a message of it, which not even a power failure undoes, and returns its [name](crate::Message::file_name). This
    /// waits for the disk.
    pub fn finish(mut self) -> Result<String, StoreError> {
        self.sync()?;
        let name = format!("{},S={}", self.name, self.size);
        let message = if self.flags.is_empty() {
            self.mailbox.join("new").join(&name)
        } else {
            let name = format!("{name}{}", self.flags.suffix(""));
            self.mailbox.join("cur").join(name)
        };
        fs::rename(&self.draft, &message).map_err(StoreError::at(&message))?;
        // After an error here the message may be there, and the sender sends it again: twice is better than never.
        sync_parent(&message)?;
        Ok(name)
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        // It has become a message, and is no longer there.
        let _ = fs::remove_file(&self.draft);
    }
}

/// A name that no other message gets: of this process, of others, on this machine and others.
pub(crate) fn unique_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default();
    let (seconds, micros) = (now.as_secs(), now.subsec_micros());
    let (process, random) = (process::id(), fastrand::u64(..));
    format!("{seconds}.M{micros}P{process}Q{count:08}R{random:016x}.localhost")
}
