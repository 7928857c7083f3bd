use std::path::{Path, PathBuf};
use std::sync::Arc;

use bitflags::bitflags;

/// What stands between the unchanging part of a file's name and its flags. Windows has no colon in names.
pub(crate) const FLAGS_FOLLOW: &str = if cfg!(windows) { ";2," } else { ":2," };

bitflags! {
    /// What has been done with a message. A maildir keeps them in the name of the file.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Flags: u8 {
        /// `\Draft`, `D` in the name.
        const DRAFT = 1;
        /// `\Flagged`, `F` in the name.
        const FLAGGED = 2;
        /// `\Answered`, `R` in the name.
        const ANSWERED = 4;
        /// `\Seen`, `S` in the name.
        const SEEN = 8;
        /// `\Deleted`, `T` in the name.
        const DELETED = 16;
    }
}

/// The letters, in the order of the alphabet: so the convention wants it.
const LETTERS: [(char, Flags); 5] = [
    ('D', Flags::DRAFT),
    ('F', Flags::FLAGGED),
    ('R', Flags::ANSWERED),
    ('S', Flags::SEEN),
    ('T', Flags::DELETED),
];

impl Flags {
    fn from_letters(letters: &str) -> Self {
        let known = LETTERS
            .iter()
            .filter(|(letter, _)| letters.contains(*letter));
        known.map(|(_, flag)| *flag).collect()
    }

    /// The end of a name with these flags. Letters in `before` that mean something to other programs stay.
    pub(crate) fn suffix(self, before: &str) -> String {
        let is_known = |c: char| LETTERS.iter().any(|(letter, _)| *letter == c);
        let own = LETTERS.iter().filter(|(_, flag)| self.contains(*flag));
        let mut letters: Vec<char> = own.map(|(letter, _)| *letter).collect();
        letters.extend(before.chars().filter(|c| !is_known(*c)));
        letters.sort_unstable();
        letters.dedup();
        FLAGS_FOLLOW.chars().chain(letters).collect()
    }
}

/// One message of a [`Mailbox`](crate::Mailbox), as it was at the last look.
#[derive(Clone, Debug)]
pub struct Message {
    pub(crate) uid: u32,
    pub(crate) base: Arc<str>,
    pub(crate) size: u64,
    pub(crate) file: FileName,
}

impl Message {
    /// The number that means this message and no other, as long as the mailbox has the same
    /// [UIDVALIDITY](crate::Mailbox::uid_validity). Later messages have larger ones.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The size in bytes. The text in the file has the ends of lines with which it came.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The flags at the last look.
    pub fn flags(&self) -> Flags {
        self.file.flags
    }

    /// The name of the file that never changes: what stands before the flags. The same text as what
    /// [`Delivery::finish`](crate::Delivery::finish) has returned.
    pub fn file_name(&self) -> &str {
        &self.base
    }

    /// Whether no program for reading mail has taken notice of it yet.
    pub fn is_new(&self) -> bool {
        self.file.is_new
    }
}

/// Where the file of a message was at the last look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileName {
    pub(crate) is_new: bool,
    pub(crate) flags: Flags,
    /// The name behind its unchanging part.
    pub(crate) suffix: String,
}

impl FileName {
    /// Takes the name of a file apart: what never changes, and what does. `None` for what is not a message.
    pub(crate) fn parse(name: &str, is_new: bool) -> Option<(&str, FileName)> {
        if name.starts_with('.') || name.chars().any(char::is_control) {
            return None;
        }
        let at = name.find(FLAGS_FOLLOW).unwrap_or(name.len());
        let (base, suffix) = name.split_at(at);
        let letters = suffix.strip_prefix(FLAGS_FOLLOW).unwrap_or_default();
        let file = FileName {
            is_new,
            flags: Flags::from_letters(letters),
            suffix: suffix.into(),
        };
        Some((base, file))
    }

    /// The same name in `cur`, with these flags.
    pub(crate) fn with_flags(&self, flags: Flags) -> FileName {
        let letters = self.suffix.strip_prefix(FLAGS_FOLLOW);
        FileName {
            is_new: false,
            flags,
            suffix: flags.suffix(letters.unwrap_or_default()),
        }
    }

    pub(crate) fn path(&self, mailbox: &Path, base: &str) -> PathBuf {
        let folder = if self.is_new { "new" } else { "cur" };
        mailbox.join(folder).join(format!("{base}{}", self.suffix))
    }
}

/// The size of a message that its name tells, as in `1700000000.M1P2.host,S=1234`.
pub(crate) fn size_in_name(base: &str) -> Option<u64> {
    let mut parts = base.split(',').skip(1);
    parts.find_map(|part| part.strip_prefix("S="))?.parse().ok()
}
