use super::response::Status;
use super::results::{AppendUid, Mailbox, MessageInfo, Selected};
use super::values::Value;
use crate::mail::MailError;
use crate::mail::queue::Job;

/// What hears an outcome.
pub(super) type Done<T> = Box<dyn FnOnce(Result<T, MailError>)>;

/// What is handed a text, piece by piece.
pub(super) type Sink = Box<dyn FnMut(&[u8])>;

/// A command that a handle asks for, and what the server has said about it so far.
pub(super) struct Command {
    /// Its name, for errors.
    pub(super) name: &'static str,
    /// All of it behind the tag.
    pub(super) line: String,
    pub(super) purpose: Purpose,
}

pub(super) enum Purpose {
    /// Asks the session alone.
    Capabilities(Done<Vec<String>>),
    Plain(Done<()>),
    List(Vec<Mailbox>, Done<Vec<Mailbox>>),
    Select(Selected, Done<Selected>),
    Search(Vec<u32>, Done<Vec<u32>>),
    Infos(Vec<MessageInfo>, Done<Vec<MessageInfo>>),
    Fetch(Fetch),
    /// The message, until the server asks for it.
    Append(Vec<u8>, Done<Option<AppendUid>>),
    Idle(IdlePhase, Done<()>),
    Logout(Done<()>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum IdlePhase {
    Asked,
    Idling,
    Ending,
}

/// A message that is fetched.
pub(super) struct Fetch {
    pub(super) sink: Sink,
    pub(super) bytes: u64,
    /// Its text has begun.
    pub(super) found: bool,
    pub(super) done: Done<u64>,
}

impl Command {
    /// Takes a fact. Returns false if it is not about this command.
    pub(super) fn data(&mut self, values: &[Value]) -> Option<bool> {
        let is = |index: usize, name| {
            values
                .get(index)
                .is_some_and(|value: &Value| value.is_atom(name))
        };
        match &mut self.purpose {
            Purpose::List(list, _) if is(0, "LIST") => list.push(Mailbox::of(values)?),
            Purpose::Search(found, _) if is(0, "SEARCH") => {
                for value in &values[1..] {
                    // What stands in parentheses is an extension.
                    if value.list().is_none() {
                        found.push(value.number()?);
                    }
                }
            }
            Purpose::Infos(infos, _) if is(1, "FETCH") => {
                let info = MessageInfo::of(values)?;
                // Without a UID it is an update of flags.
                if info.uid == 0 {
                    return Some(false);
                }
                infos.push(info);
            }
            Purpose::Select(selected, _) if is(1, "EXISTS") => {
                selected.exists = values[0].number()?;
            }
            Purpose::Fetch(fetch) if is(1, "FETCH") => return Some(fetch.found),
            _ => return Some(false),
        }
        Some(true)
    }

    /// Takes a remark.
    pub(super) fn remark(&mut self, status: &Status) {
        if let Purpose::Select(selected, _) = &mut self.purpose {
            selected.status(status);
        }
    }

    /// The server has done it.
    pub(super) fn succeed(mut self, status: &Status) {
        self.remark(status);
        let name = self.name;
        match self.purpose {
            Purpose::Capabilities(_) => {}
            Purpose::Plain(done) | Purpose::Idle(_, done) | Purpose::Logout(done) => done(Ok(())),
            Purpose::List(list, done) => done(Ok(list)),
            Purpose::Select(selected, done) => done(Ok(selected)),
            Purpose::Search(found, done) => done(Ok(found)),
            Purpose::Infos(infos, done) => done(Ok(infos)),
            Purpose::Append(_, done) => done(Ok(AppendUid::of(status))),
            Purpose::Fetch(fetch) if fetch.found => (fetch.done)(Ok(fetch.bytes)),
            Purpose::Fetch(fetch) => (fetch.done)(Err(MailError::Refused {
                command: name,
                words: "there is no such message".into(),
            })),
        }
    }
}

impl Job for Command {
    fn fail(self, error: MailError) {
        match self.purpose {
            Purpose::Capabilities(done) => done(Err(error)),
            Purpose::Plain(done) | Purpose::Idle(_, done) | Purpose::Logout(done) => {
                done(Err(error));
            }
            Purpose::List(_, done) => done(Err(error)),
            Purpose::Select(_, done) => done(Err(error)),
            Purpose::Search(_, done) => done(Err(error)),
            Purpose::Infos(_, done) => done(Err(error)),
            Purpose::Append(_, done) => done(Err(error)),
            Purpose::Fetch(fetch) => (fetch.done)(Err(error)),
        }
    }
}
