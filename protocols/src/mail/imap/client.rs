use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use retwist_reactor::{Producer, ProtocolRef};

use super::ImapOptions;
use super::command::{Command, Fetch, IdlePhase, Purpose};
use super::results::{AppendUid, Mailbox, MessageInfo, Selected, Update};
use super::session::Session;
use crate::Framed;
use crate::mail::MailError;
use crate::mail::queue::{Job, Queue, Wake};

/// What hears updates.
pub(super) type Updates = Rc<RefCell<Option<Box<dyn FnMut(Update)>>>>;

/// A session with a server of IMAP.
///
/// Clones are handles of the same session. The session lives as long as its connection, whether there is
/// a handle or not: [`logout`](Imap::logout) ends it.
///
/// It is a [`Producer`] of the messages that it fetches: while it is paused, nothing more is read.
#[doc(alias = "IMAP4Client")]
#[derive(Clone)]
pub struct Imap {
    queue: Rc<Queue<Command>>,
    updates: Updates,
}

impl Imap {
    /// A client: the protocol to connect, once, and the handle.
    ///
    /// If the protocol is dropped without ever being connected, each request fails with
    /// [`MailError::NeverConnected`].
    #[allow(clippy::new_ret_no_self, reason = "it comes with its other half")]
    pub fn new(options: ImapOptions) -> (ProtocolRef, Imap) {
        let (queue, updates) = (Queue::new(), Updates::default());
        let session = Session::new(options, queue.clone(), updates.clone());
        let protocol = Framed::new(Session::framing(), session);
        (protocol.into(), Imap { queue, updates })
    }

    /// Sets what hears that messages come, go and change, whenever the server says so: with the answer to
    /// a command, or in [`idle`](Imap::idle).
    pub fn on_update(&self, hear: impl FnMut(Update) + 'static) {
        self.updates.replace(Some(Box::new(hear)));
    }

    /// What the server can do, once the session is ready: with TLS as it is to be, and authenticated.
    pub fn capabilities(&self, done: impl FnOnce(Result<Vec<String>, MailError>) + 'static) {
        let purpose = Purpose::Capabilities(Box::new(done));
        self.ask("CAPABILITY", Ok(String::new()), purpose);
    }

    /// The mailboxes whose names match `pattern`, in which `*` stands for anything, and `%` for anything
    /// within a level.
    pub fn list(
        &self,
        pattern: &str,
        done: impl FnOnce(Result<Vec<Mailbox>, MailError>) + 'static,
    ) {
        let line = quoted(pattern).map(|pattern| format!("LIST \"\" {pattern}"));
        self.ask("LIST", line, Purpose::List(Vec::new(), Box::new(done)));
    }

    /// Selects a mailbox, for the commands about messages.
    pub fn select(&self, mailbox: &str, done: impl FnOnce(Result<Selected, MailError>) + 'static) {
        let line = quoted(mailbox).map(|mailbox| format!("SELECT {mailbox}"));
        let purpose = Purpose::Select(Selected::default(), Box::new(done));
        self.ask("SELECT", line, purpose);
    }

    /// Selects a mailbox of which nothing is changed: a message that is fetched stays unseen.
    pub fn examine(&self, mailbox: &str, done: impl FnOnce(Result<Selected, MailError>) + 'static) {
        let line = quoted(mailbox).map(|mailbox| format!("EXAMINE {mailbox}"));
        let purpose = Purpose::Select(Selected::default(), Box::new(done));
        self.ask("EXAMINE", line, purpose);
    }

    /// The UIDs of the messages for which `criteria` hold, such as `UNSEEN SINCE 1-Feb-2026`: what RFC
    /// 9051 calls search keys, in ASCII and without literals.
    pub fn search(&self, criteria: &str, done: impl FnOnce(Result<Vec<u32>, MailError>) + 'static) {
        let line = plain(criteria).map(|criteria| format!("UID SEARCH {criteria}"));
        self.ask("SEARCH", line, Purpose::Search(Vec::new(), Box::new(done)));
    }

    /// What there is to say of messages: their places, UIDs, sizes and flags. `uids` is a set such as
    /// `7`, `1:*` or `3,5:9`.
    pub fn fetch_info(
        &self,
        uids: &str,
        done: impl FnOnce(Result<Vec<MessageInfo>, MailError>) + 'static,
    ) {
        let fits = |c: char| c.is_ascii_digit() || ",:*".contains(c);
        let line = match uids {
            uids if !uids.is_empty() && uids.chars().all(fits) => {
                Ok(format!("UID FETCH {uids} (UID RFC822.SIZE FLAGS)"))
            }
            uids => Err(MailError::BadText(uids.into())),
        };
        self.ask("FETCH", line, Purpose::Infos(Vec::new(), Box::new(done)));
    }

    /// Fetches a message. `sink` is handed its text in pieces, as they come; `done` hears how many bytes
    /// these were. After an error, what `sink` has is not all. The message stays unseen.
    pub fn fetch(
        &self,
        uid: u32,
        sink: impl FnMut(&[u8]) + 'static,
        done: impl FnOnce(Result<u64, MailError>) + 'static,
    ) {
        let fetch = Fetch {
            sink: Box::new(sink),
            bytes: 0,
            found: false,
            done: Box::new(done),
        };
        let line = format!("UID FETCH {uid} (UID BODY.PEEK[])");
        self.ask("FETCH", Ok(line), Purpose::Fetch(fetch));
    }

    /// Adds a message to a mailbox. `done` hears where, if the server says so. Each line of the message
    /// that ends in LF ends in CRLF there.
    pub fn append(
        &self,
        mailbox: &str,
        message: &[u8],
        done: impl FnOnce(Result<Option<AppendUid>, MailError>) + 'static,
    ) {
        let message = with_crlf(message);
        let size = message.len();
        let line = quoted(mailbox).map(|mailbox| format!("APPEND {mailbox} {{{size}}}"));
        self.ask("APPEND", line, Purpose::Append(message, Box::new(done)));
    }

    /// Waits for what the server says by itself, which [`on_update`](Imap::on_update) hears. Any later
    /// request ends it, and so does [`ImapOptions::idle_time`]. `done` hears that it has ended.
    pub fn idle(&self, done: impl FnOnce(Result<(), MailError>) + 'static) {
        let purpose = Purpose::Idle(IdlePhase::Asked, Box::new(done));
        self.ask("IDLE", Ok("IDLE".into()), purpose);
    }

    /// Asks the server for news, and does nothing else. It ends [`idle`](Imap::idle).
    pub fn noop(&self, done: impl FnOnce(Result<(), MailError>) + 'static) {
        self.ask("NOOP", Ok("NOOP".into()), Purpose::Plain(Box::new(done)));
    }

    /// Ends the session after all that was asked before. Later requests fail.
    pub fn logout(&self, done: impl FnOnce(Result<(), MailError>) + 'static) {
        self.queue.push_last(Command {
            name: "LOGOUT",
            line: "LOGOUT".into(),
            purpose: Purpose::Logout(Box::new(done)),
        });
    }

    /// Whether the session has ended.
    pub fn is_over(&self) -> bool {
        self.queue.is_over()
    }

    fn ask(&self, name: &'static str, line: Result<String, MailError>, purpose: Purpose) {
        let (line, error) = match line {
            Ok(line) => (line, None),
            Err(error) => (String::new(), Some(error)),
        };
        let command = Command {
            name,
            line,
            purpose,
        };
        match error {
            Some(error) => command.fail(error),
            None => self.queue.push(command),
        }
    }
}

/// A text that can stand in a command as it is.
fn plain(text: &str) -> Result<&str, MailError> {
    let fits = |c: char| c == ' ' || c.is_ascii_graphic();
    // A literal would make the server wait for more.
    if text.is_empty() || !text.chars().all(fits) || text.ends_with('}') {
        return Err(MailError::BadText(text.into()));
    }
    Ok(text)
}

/// A text as a quoted string.
pub(super) fn quoted(text: &str) -> Result<String, MailError> {
    let fits = |c: char| c == ' ' || c.is_ascii_graphic();
    if !text.chars().all(fits) {
        return Err(MailError::BadText(text.into()));
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{escaped}\""))
}

fn with_crlf(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 32);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match line {
            [line @ .., b'\r', b'\n'] | [line @ .., b'\n'] => {
                out.extend_from_slice(line);
                out.extend(b"\r\n");
            }
            line => out.extend_from_slice(line),
        }
    }
    out
}

impl Producer for Imap {
    fn resume_producing(&self) {
        self.queue.wake(Wake::Resume);
    }

    fn pause_producing(&self) {
        self.queue.wake(Wake::Pause);
    }

    /// Ends the session: what it fetches from then on is dropped.
    fn stop_producing(&self) {
        self.queue.wake(Wake::Stop);
    }
}

impl fmt::Debug for Imap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imap")
            .field("is_over", &self.is_over())
            .finish_non_exhaustive()
    }
}
