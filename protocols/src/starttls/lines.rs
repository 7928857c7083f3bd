use memchr::memchr;

use super::StartTlsError;
use super::exchange::{Exchange, UNIT_LIMIT};
use crate::Step;

/// What a side makes of a line.
pub(super) enum Next {
    /// It goes on.
    More,
    /// TLS begins.
    StartTls,
}

/// A server of a dialect of lines. None of them needs to remember a command before TLS.
pub(super) struct ServerLines {
    pub(super) name: String,
    pub(super) greeting: String,
    /// Answers a line of the client.
    pub(super) answer: fn(name: &str, line: &str) -> Answer,
}

/// What a server says to a line.
pub(super) enum Answer {
    /// This.
    Say(String),
    /// This, and TLS begins.
    StartTls(String),
    /// This, and the connection ends.
    End(String),
}

/// A client of a dialect of lines: it waits for lines of the server.
pub(super) trait ClientLines: 'static {
    /// What it says first.
    fn begin(&mut self) -> String {
        String::new()
    }

    /// Takes a line. What is put into `reply` is sent.
    fn line(&mut self, line: &str, reply: &mut String) -> Result<Next, StartTlsError>;
}

/// Cuts what comes into lines. A bare LF ends a line too: nothing of what is said here is passed on,
/// so that no other program could read it in another way.
pub(super) struct ByLine<L>(L);

impl<L: Side> ByLine<L> {
    pub(super) fn boxed(side: L) -> Box<dyn Exchange> {
        Box::new(ByLine(side))
    }
}

/// A client or a server.
pub(super) trait Side: 'static {
    fn begin(&mut self) -> String;
    fn line(&mut self, line: &str, reply: &mut String) -> Result<Next, StartTlsError>;
}

impl Side for ServerLines {
    fn begin(&mut self) -> String {
        self.greeting.clone()
    }

    fn line(&mut self, line: &str, reply: &mut String) -> Result<Next, StartTlsError> {
        match (self.answer)(&self.name, line) {
            Answer::Say(text) => {
                *reply = text;
                Ok(Next::More)
            }
            Answer::StartTls(text) => {
                *reply = text;
                Ok(Next::StartTls)
            }
            Answer::End(text) => {
                *reply = text;
                Err(StartTlsError::Left)
            }
        }
    }
}

impl Side for Box<dyn ClientLines> {
    fn begin(&mut self) -> String {
        (**self).begin()
    }

    fn line(&mut self, line: &str, reply: &mut String) -> Result<Next, StartTlsError> {
        (**self).line(line, reply)
    }
}

impl<L: Side> Exchange for ByLine<L> {
    fn begin(&mut self, reply: &mut Vec<u8>) -> Step {
        reply.extend(self.0.begin().bytes());
        Step::used(0)
    }

    fn advance(&mut self, bytes: &[u8], reply: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        let Some(end) = memchr(b'\n', bytes) else {
            return Ok(Step::used(0));
        };
        if end > UNIT_LIMIT {
            return Err(StartTlsError::TooLong(UNIT_LIMIT));
        }
        let line = &bytes[..end];
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        let mut said = String::new();
        let next = self.0.line(&line, &mut said);
        reply.extend(said.bytes());
        Ok(match next? {
            Next::More => Step::used(end + 1),
            Next::StartTls => Step::done(end + 1),
        })
    }
}

/// The first word of a line, in upper case, and what comes behind it.
pub(super) fn command(line: &str) -> (String, &str) {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    (word.to_ascii_uppercase(), rest.trim())
}
