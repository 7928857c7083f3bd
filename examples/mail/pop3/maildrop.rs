//! The messages of a user as one session sees them.

use mail_store::{Mailbox, Message, StoreError};

/// What there was when the session began. Numbers and sizes stay the same to its end, whatever other
/// programs do: a message that they remove is missed when it is asked for.
pub(crate) struct Maildrop {
    entries: Vec<Entry>,
}

pub(crate) struct Entry {
    /// What the store calls the message.
    pub(crate) uid: u32,
    /// In bytes. A message that other programs have stored with LF alone is sent with more.
    pub(crate) size: u64,
    /// What is said for UIDL.
    pub(crate) unique_id: Box<str>,
    is_deleted: bool,
}

impl Maildrop {
    pub(crate) fn new(mailbox: &Mailbox) -> Self {
        let entry = |message: &Message| Entry {
            uid: message.uid(),
            size: message.size(),
            unique_id: mailbox.unique_id(message).into(),
            is_deleted: false,
        };
        Maildrop {
            entries: mailbox.messages().iter().map(entry).collect(),
        }
    }

    /// The message of this number, if it has not been deleted.
    pub(crate) fn get(&self, number: usize) -> Option<&Entry> {
        let entry = self.entries.get(number.checked_sub(1)?)?;
        (!entry.is_deleted).then_some(entry)
    }

    /// All messages that have not been deleted, with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Entry)> {
        let numbered = (1..).zip(&self.entries);
        numbered.filter(|(_, entry)| !entry.is_deleted)
    }

    /// Marks a message. Returns false if there is none.
    pub(crate) fn delete(&mut self, number: usize) -> bool {
        let entry = number
            .checked_sub(1)
            .and_then(|at| self.entries.get_mut(at));
        match entry {
            Some(entry) if !entry.is_deleted => {
                entry.is_deleted = true;
                true
            }
            _ => false,
        }
    }

    /// Takes all marks off.
    pub(crate) fn reset(&mut self) {
        for entry in &mut self.entries {
            entry.is_deleted = false;
        }
    }

    /// What is marked.
    pub(crate) fn deleted(&self) -> Vec<u32> {
        let deleted = self.entries.iter().filter(|entry| entry.is_deleted);
        deleted.map(|entry| entry.uid).collect()
    }

    /// How many messages and bytes there are.
    pub(crate) fn total(&self) -> (usize, u64) {
        let sizes = self.iter().map(|(_, entry)| entry.size);
        sizes.fold((0, 0), |(count, sum), size| (count + 1, sum + size))
    }
}

/// What a client hears of a failure of the store.
pub(crate) fn refusal(error: &StoreError) -> &'static str {
    match error {
        StoreError::NoSuchMessage => "-ERR the message has been removed",
        _ => "-ERR [SYS/TEMP] the mailbox cannot be used now",
    }
}
