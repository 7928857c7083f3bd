use std::any::{Any, TypeId};
use std::rc::Rc;
use std::time::Duration;

use memchr::memchr;
use retwist_reactor::{ProtocolRef, TransportRef};

use super::error::excerpt;
use super::exchange::UNIT_LIMIT;
use super::replies;
use super::settings::DEADLINE;
use super::smtp::reply;
use super::{Dialect, MysqlGreeting, StartTlsError};
use crate::{Opening, OpeningLayer, Policy, Step};

/// Takes the greeting of a server without TLS, for a client that has been greeted already: by a
/// [`StartTlsServer`](super::StartTlsServer), in clear, before it started TLS. No greeting comes
/// behind TLS, but for ManageSieve, which repeats its capabilities there: for that dialect, and for
/// those whose client speaks first, nothing is taken. The greeting of a MySQL server is kept, for
/// [`MysqlGreeting::of`].
///
/// A server that refuses to talk ends the connection with
/// [`StartTlsError::Refused`](super::StartTlsError::Refused).
#[derive(Clone, Debug)]
pub struct PlainServer {
    dialect: Dialect,
    deadline: Duration,
}

impl PlainServer {
    /// A server that speaks this dialect.
    pub fn new(dialect: Dialect) -> Self {
        PlainServer {
            dialect,
            deadline: DEADLINE,
        }
    }

    /// Sets how long the server may take to greet: 30 s by default.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        PlainServer { deadline, ..self }
    }
}

impl Policy for PlainServer {
    type Layer = OpeningLayer<PlainServerGreeting>;

    fn layer(&self, above: ProtocolRef) -> Rc<Self::Layer> {
        let greeting = PlainServerGreeting {
            dialect: self.dialect,
            deadline: self.deadline,
            mysql: None,
        };
        OpeningLayer::new(greeting, above)
    }
}

/// The opening that [`PlainServer`] makes for one connection.
#[derive(Debug)]
pub struct PlainServerGreeting {
    dialect: Dialect,
    deadline: Duration,
    mysql: Option<Rc<MysqlGreeting>>,
}

impl Opening for PlainServerGreeting {
    type Error = StartTlsError;

    fn begin(&mut self, _: &TransportRef, _: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        let greets = self.dialect == Dialect::Mysql || !self.dialect.greeting("").is_empty();
        Ok(if greets { Step::used(0) } else { Step::done(0) })
    }

    fn advance(&mut self, bytes: &[u8], _: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        if self.dialect == Dialect::Mysql {
            return Ok(match MysqlGreeting::take(bytes)? {
                Some((greeting, used)) => {
                    self.mysql = Some(Rc::new(greeting));
                    Step::done(used)
                }
                None => Step::used(0),
            });
        }
        let end = match self.dialect {
            Dialect::Smtp | Dialect::Lmtp | Dialect::Ftp | Dialect::Nntp => {
                replies::numbered_end(bytes)
            }
            _ => memchr(b'\n', bytes).map(|end| end + 1),
        };
        let Some(end) = end.filter(|end| *end <= UNIT_LIMIT) else {
            if bytes.len() > UNIT_LIMIT {
                return Err(StartTlsError::TooLong(UNIT_LIMIT));
            }
            return Ok(Step::used(0));
        };
        let line = String::from_utf8_lossy(&bytes[..end]);
        let welcomes = match self.dialect {
            Dialect::Imap => line.starts_with("* OK"),
            Dialect::Pop3 => line.starts_with("+OK"),
            _ => reply(&line).is_some_and(|(code, ..)| (200..300).contains(&code)),
        };
        if !welcomes {
            return Err(StartTlsError::Refused(self.dialect, excerpt(&bytes[..end])));
        }
        Ok(Step::done(end))
    }

    fn deadline(&self) -> Duration {
        self.deadline
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        if wanted != TypeId::of::<MysqlGreeting>() {
            return None;
        }
        self.mysql.clone().map(|greeting| greeting as Rc<dyn Any>)
    }
}
