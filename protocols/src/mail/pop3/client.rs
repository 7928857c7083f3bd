use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use retwist_reactor::{Producer, ProtocolRef};

use super::Pop3Options;
use super::session::Session;
use crate::Framed;
use crate::mail::MailError;
use crate::mail::error::excerpt;
use crate::mail::queue::{Job, Queue, Wake};

/// What hears an outcome.
pub(super) type Done<T> = Box<dyn FnOnce(Result<T, MailError>)>;

/// What is handed a text, piece by piece.
pub(super) type Sink = Box<dyn FnMut(&[u8])>;

/// A session with a server of POP3.
///
/// Clones are handles of the same session. The session lives as long as its connection, whether there is
/// a handle or not: [`quit`](Pop3::quit) ends it.
///
/// It is a [`Producer`] of the messages that it retrieves: while it is paused, nothing more is read. So a
/// program that passes messages on registers it where they go.
#[doc(alias = "POP3Client")]
#[derive(Clone)]
pub struct Pop3 {
    queue: Rc<Queue<Request>>,
}

impl Pop3 {
    /// A client: the protocol to connect, once, and the handle.
    ///
    /// If the protocol is dropped without ever being connected, each request fails with
    /// [`MailError::NeverConnected`].
    #[allow(clippy::new_ret_no_self, reason = "it comes with its other half")]
    pub fn new(options: Pop3Options) -> (ProtocolRef, Pop3) {
        let queue = Queue::new();
        let session = Session::new(options, queue.clone());
        let protocol = Framed::new(Session::framing(), session);
        (protocol.into(), Pop3 { queue })
    }

    /// What the server can do, once the session is ready: with TLS as it is to be, and authenticated.
    pub fn capabilities(&self, done: impl FnOnce(Result<Pop3Capabilities, MailError>) + 'static) {
        self.queue.push(Request::Capabilities(Box::new(done)));
    }

    /// How many messages there are, and how large they are together.
    pub fn stat(&self, done: impl FnOnce(Result<Stat, MailError>) + 'static) {
        self.short("STAT", "STAT".into(), |words| {
            done(words.and_then(|words| {
                let mut numbers = words.split_ascii_whitespace();
                let messages = numbers.next().and_then(|word| word.parse().ok());
                let bytes = numbers.next().and_then(|word| word.parse().ok());
                let stat = messages.zip(bytes);
                let (messages, bytes) = stat.ok_or_else(|| unexpected("STAT", words.as_bytes()))?;
                Ok(Stat { messages, bytes })
            }));
        });
    }

    /// The messages that are not deleted: their numbers, which hold as long as the session, and their
    /// sizes in bytes.
    #[doc(alias = "listSize")]
    pub fn list(&self, done: impl FnOnce(Result<Vec<(u32, u64)>, MailError>) + 'static) {
        self.lines(
            "LIST",
            |number, rest| Some((number, rest.split(' ').next()?.parse().ok()?)),
            done,
        );
    }

    /// The messages with names that stay the same in later sessions.
    #[doc(alias = "listUID")]
    pub fn uidl(&self, done: impl FnOnce(Result<Vec<(u32, String)>, MailError>) + 'static) {
        self.lines("UIDL", |number, rest| Some((number, rest.to_owned())), done);
    }

    /// Retrieves a message. `sink` is handed its text in pieces, as they come, without doubled dots; `done`
    /// hears how many bytes these were. After an error, what `sink` has is not all.
    pub fn retrieve(
        &self,
        number: u32,
        sink: impl FnMut(&[u8]) + 'static,
        done: impl FnOnce(Result<u64, MailError>) + 'static,
    ) {
        self.long("RETR", format!("RETR {number}"), sink, done);
    }

    /// Retrieves the header of a message, and this many lines of its text, as
    /// [`retrieve`](Pop3::retrieve) does.
    pub fn top(
        &self,
        number: u32,
        lines: u32,
        sink: impl FnMut(&[u8]) + 'static,
        done: impl FnOnce(Result<u64, MailError>) + 'static,
    ) {
        self.long("TOP", format!("TOP {number} {lines}"), sink, done);
    }

    /// Marks a message as deleted. It is deleted when the session ends with [`quit`](Pop3::quit), and only
    /// then.
    pub fn delete(&self, number: u32, done: impl FnOnce(Result<(), MailError>) + 'static) {
        let command = format!("DELE {number}");
        self.short("DELE", command, |words| done(words.map(drop)));
    }

    /// Takes the marks of [`delete`](Pop3::delete) back.
    pub fn reset(&self, done: impl FnOnce(Result<(), MailError>) + 'static) {
        self.short("RSET", "RSET".into(), |words| done(words.map(drop)));
    }

    /// Ends the session after all that was asked before, and has the server delete what is marked. Later
    /// requests fail. `done` hears whether the server has done so.
    pub fn quit(&self, done: impl FnOnce(Result<(), MailError>) + 'static) {
        self.queue.push_last(Request::Quit(Box::new(done)));
    }

    /// Whether the session has ended.
    pub fn is_over(&self) -> bool {
        self.queue.is_over()
    }

    fn short(
        &self,
        name: &'static str,
        command: String,
        done: impl FnOnce(Result<String, MailError>) + 'static,
    ) {
        let done = Box::new(done);
        self.queue.push(Request::Short {
            name,
            command,
            done,
        });
    }

    fn long(
        &self,
        name: &'static str,
        command: String,
        sink: impl FnMut(&[u8]) + 'static,
        done: impl FnOnce(Result<u64, MailError>) + 'static,
    ) {
        self.queue.push(Request::Long(Box::new(Long {
            name,
            command,
            sink: Box::new(sink),
            limit: None,
            done: Box::new(done),
        })));
    }

    /// A list of numbers with something behind each.
    fn lines<T: 'static>(
        &self,
        name: &'static str,
        parse: impl Fn(u32, &str) -> Option<T> + 'static,
        done: impl FnOnce(Result<Vec<T>, MailError>) + 'static,
    ) {
        let text: Rc<RefCell<Vec<u8>>> = Rc::default();
        let read = text.clone();
        self.queue.push(Request::Long(Box::new(Long {
            name,
            command: name.to_owned(),
            sink: Box::new(move |piece| text.borrow_mut().extend_from_slice(piece)),
            limit: Some(LIST_LIMIT),
            done: Box::new(move |outcome| {
                let text = read.take();
                let lines = text.split(|byte| *byte == b'\n');
                let lines = lines.filter(|line| !line.is_empty());
                let parsed = lines.map(|line| {
                    let text = String::from_utf8_lossy(line);
                    let (number, rest) = text.trim_end().split_once(' ').unwrap_or_default();
                    let number = number.parse().ok();
                    number
                        .and_then(|number| parse(number, rest))
                        .ok_or_else(|| unexpected(name, line))
                });
                done(outcome.and_then(|_| parsed.collect()));
            }),
        })));
    }
}

/// How many bytes a list may have: over a million messages.
const LIST_LIMIT: u64 = 16 << 20;

fn unexpected(command: &'static str, words: &[u8]) -> MailError {
    let words = excerpt(words);
    MailError::Unexpected { command, words }
}

impl Producer for Pop3 {
    fn resume_producing(&self) {
        self.queue.wake(Wake::Resume);
    }

    fn pause_producing(&self) {
        self.queue.wake(Wake::Pause);
    }

    /// Ends the session: what it retrieves from then on is dropped.
    fn stop_producing(&self) {
        self.queue.wake(Wake::Stop);
    }
}

impl fmt::Debug for Pop3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pop3")
            .field("is_over", &self.is_over())
            .finish_non_exhaustive()
    }
}

/// The number of messages in a mailbox, and their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The number of messages.
    pub messages: u32,
    /// Their size in bytes, together.
    pub bytes: u64,
}

/// The capabilities that a server announces (CAPA, RFC 2449). Empty if it does not know the question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pop3Capabilities(pub(super) Vec<String>);

impl Pop3Capabilities {
    /// The lines that the server has sent, such as `SASL PLAIN LOGIN`.
    pub fn lines(&self) -> &[String] {
        &self.0
    }

    /// Returns what stands behind this capability, in any case of letters; `None` if the server does not have it.
    pub fn get(&self, name: &str) -> Option<impl Iterator<Item = &str>> {
        self.0.iter().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let found = words.next()?.eq_ignore_ascii_case(name);
            found.then_some(words)
        })
    }
}

/// What a handle asks of its session.
pub(super) enum Request {
    Capabilities(Done<Pop3Capabilities>),
    /// A command whose answer is a line.
    Short {
        name: &'static str,
        command: String,
        done: Done<String>,
    },
    Long(Box<Long>),
    Quit(Done<()>),
}

/// A command whose answer is a line and a text.
pub(super) struct Long {
    pub(super) name: &'static str,
    pub(super) command: String,
    pub(super) sink: Sink,
    /// How many bytes the text may have, if it is not a message.
    pub(super) limit: Option<u64>,
    /// Hears how many there were.
    pub(super) done: Done<u64>,
}

impl Job for Request {
    fn fail(self, error: MailError) {
        match self {
            Request::Capabilities(done) => done(Err(error)),
            Request::Short { done, .. } => done(Err(error)),
            Request::Long(long) => (long.done)(Err(error)),
            Request::Quit(done) => done(Err(error)),
        }
    }
}
