//! A mailbox as one client knows it: sequence numbers.
//!
//! The numbers change only when the client is told (RFC 3501 7.4.1). So a view stays as it is while other programs remove
//! messages, and [`View::update`] says what is to be told.

use imap_codec::imap_types::sequence::{SeqOrUid, Sequence, SequenceSet};
use mail_store::{Flags, Mailbox};

use crate::text;

#[derive(Default)]
pub(crate) struct View {
    /// In ascending order of the UIDs.
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) uid: u32,
    /// As the client knows them.
    pub(crate) flags: Flags,
    pub(crate) is_recent: bool,
}

impl View {
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn count(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn recent(&self) -> usize {
        self.entries.iter().filter(|entry| entry.is_recent).count()
    }

    /// The sequence number of a message, and what the client knows of it.
    pub(crate) fn find(&self, uid: u32) -> Option<(usize, &Entry)> {
        let at = self.entries.binary_search_by_key(&uid, |entry| entry.uid);
        let at = at.ok()?;
        Some((at + 1, &self.entries[at]))
    }

    /// The client is told of these flags.
    pub(crate) fn told(&mut self, uid: u32, flags: Flags) {
        if let Ok(at) = self.entries.binary_search_by_key(&uid, |entry| entry.uid) {
            self.entries[at].flags = flags;
        }
    }

    /// The UIDs of a set, each once, in ascending order. `None` if the set has a sequence number that no message has. UIDs
    /// that no message has are left out (RFC 3501 6.4.8).
    ///
    /// The time it takes is that of the set and of the result, whatever numbers the set has.
    pub(crate) fn resolve(&self, set: &SequenceSet, is_uid: bool) -> Option<Vec<u32>> {
        let count = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let largest = if is_uid {
            self.entries.last().map_or(0, |entry| entry.uid)
        } else {
            count
        };
        let number = |number: &SeqOrUid| match number {
            SeqOrUid::Value(value) => value.get(),
            SeqOrUid::Asterisk => largest,
        };
        let mut ranges = Vec::new();
        for sequence in set.0.as_ref() {
            let (a, b) = match sequence {
                Sequence::Single(a) => (number(a), number(a)),
                Sequence::Range(a, b) => (number(a), number(b)),
            };
            let (first, last) = (a.min(b), a.max(b));
            if last == 0 || first == 0 && count == 0 {
                // `*` and `1:*` where there is no message.
                continue;
            }
            if !is_uid && (first == 0 || last > count) {
                return None;
            }
            let place = |number: u32| {
                if is_uid {
                    self.entries.partition_point(|entry| entry.uid < number)
                } else {
                    number as usize - 1
                }
            };
            let end = if is_uid {
                self.entries.partition_point(|entry| entry.uid <= last)
            } else {
                last as usize
            };
            ranges.push((place(first), end));
        }
        ranges.sort_unstable();
        let mut uids = Vec::new();
        let mut next = 0;
        for (first, end) in ranges {
            let first = first.max(next);
            if first < end {
                uids.extend(self.entries[first..end].iter().map(|entry| entry.uid));
                next = end;
            }
        }
        Some(uids)
    }

    /// Follows the mailbox, and writes what the client has to hear. Without `may_expunge`, messages that are gone stay: no
    /// number may change in the answer to FETCH, STORE or SEARCH (RFC 3501 7.4.1).
    pub(crate) fn update(
        &mut self,
        mailbox: &Mailbox,
        recent: &[u32],
        may_expunge: bool,
        out: &mut Vec<u8>,
    ) {
        let (count, recent_before) = (self.entries.len(), self.recent());
        if may_expunge {
            for at in (0..self.entries.len()).rev() {
                if mailbox.message(self.entries[at].uid).is_none() {
                    text::write(out, format_args!("* {} EXPUNGE\r\n", at + 1));
                }
            }
            self.entries
                .retain(|entry| mailbox.message(entry.uid).is_some());
        }
        let expunged = count - self.entries.len();
        for (at, entry) in self.entries.iter_mut().enumerate() {
            let Some(message) = mailbox.message(entry.uid) else {
                continue;
            };
            if message.flags() != entry.flags {
                entry.flags = message.flags();
                text::write(out, format_args!("* {} FETCH (FLAGS ", at + 1));
                text::flags(out, entry.flags, entry.is_recent);
                text::write(out, format_args!(" UID {})\r\n", entry.uid));
            }
        }
        // What is new has the largest UIDs.
        let known = self.entries.last().map_or(0, |entry| entry.uid);
        let first = mailbox
            .messages()
            .partition_point(|message| message.uid() <= known);
        self.entries
            .extend(mailbox.messages()[first..].iter().map(|message| Entry {
                uid: message.uid(),
                flags: message.flags(),
                is_recent: recent.binary_search(&message.uid()).is_ok(),
            }));
        if self.entries.len() > count - expunged {
            text::write(out, format_args!("* {} EXISTS\r\n", self.entries.len()));
        }
        if self.recent() != recent_before {
            text::write(out, format_args!("* {} RECENT\r\n", self.recent()));
        }
    }
}
