use super::response::Status;
use super::values::Value;

/// A mailbox, as LIST shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mailbox {
    /// Its name.
    pub name: String,
    /// What stands between the levels of names; `None` if there are no levels.
    pub delimiter: Option<String>,
    /// Its attributes, such as `\Noselect`.
    pub attributes: Vec<String>,
}

impl Mailbox {
    /// Of `LIST (attributes) delimiter name`.
    pub(super) fn of(values: &[Value]) -> Option<Mailbox> {
        let [_, attributes, delimiter, name, ..] = values else {
            return None;
        };
        Some(Mailbox {
            name: name.text()?,
            delimiter: match delimiter {
                Value::String(_) => delimiter.text(),
                _ => None,
            },
            attributes: texts(attributes.list()?),
        })
    }
}

/// The state of a selected mailbox, as the server reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selected {
    /// How many messages it has.
    pub exists: u32,
    /// The number that changes when the UIDs of before no longer hold.
    pub uid_validity: Option<u32>,
    /// The UID that the next message will have.
    pub uid_next: Option<u32>,
    /// Whether nothing in it can be changed.
    pub read_only: bool,
}

impl Selected {
    pub(super) fn status(&mut self, status: &Status) {
        let number = |name| status.code(name)?.next()?.parse().ok();
        self.uid_validity = number("UIDVALIDITY").or(self.uid_validity);
        self.uid_next = number("UIDNEXT").or(self.uid_next);
        self.read_only |= status.code("READ-ONLY").is_some();
    }
}

/// The facts about a message that a server reports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageInfo {
    /// Its place in the mailbox, from 1. It changes when messages before it are removed.
    pub number: u32,
    /// Its UID, which stays.
    pub uid: u32,
    /// How many bytes it has.
    pub size: u64,
    /// Its flags, such as `\Seen`.
    pub flags: Vec<String>,
}

impl MessageInfo {
    /// Of `number FETCH (items)`.
    pub(super) fn of(values: &[Value]) -> Option<MessageInfo> {
        let [number, _, items, ..] = values else {
            return None;
        };
        let mut info = MessageInfo {
            number: number.number()?,
            ..MessageInfo::default()
        };
        for pair in items.list()?.chunks_exact(2) {
            let [name, value] = pair else { continue };
            if name.is_atom("UID") {
                info.uid = value.number()?;
            } else if name.is_atom("RFC822.SIZE") {
                info.size = value.number()?;
            } else if name.is_atom("FLAGS") {
                info.flags = texts(value.list()?);
            }
        }
        Some(info)
    }
}

/// Where a message was added, if the server says so (UIDPLUS, RFC 4315).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendUid {
    /// The [`uid_validity`](Selected::uid_validity) of the mailbox.
    pub uid_validity: u32,
    /// The UID of the message.
    pub uid: u32,
}

impl AppendUid {
    pub(super) fn of(status: &Status) -> Option<AppendUid> {
        let mut words = status.code("APPENDUID")?;
        Some(AppendUid {
            uid_validity: words.next()?.parse().ok()?,
            uid: words.next()?.parse().ok()?,
        })
    }
}

/// A change that a server reports unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Update {
    /// The mailbox has this many messages now.
    Exists(u32),
    /// The message in this place has been removed, and those behind it move up.
    Expunged(u32),
    /// The flags of a message have changed. Its UID is 0 where the server leaves that out.
    Flags(MessageInfo),
    /// Words that the user has to see.
    Alert(String),
}

impl Update {
    pub(super) fn of(values: &[Value]) -> Option<Update> {
        let [number, kind, ..] = values else {
            return None;
        };
        let number = number.number()?;
        if kind.is_atom("EXISTS") {
            Some(Update::Exists(number))
        } else if kind.is_atom("EXPUNGE") {
            Some(Update::Expunged(number))
        } else if kind.is_atom("FETCH") {
            MessageInfo::of(values).map(Update::Flags)
        } else {
            None
        }
    }
}

fn texts(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(Value::text).collect()
}
