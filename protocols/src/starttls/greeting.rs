use std::rc::Rc;

use memchr::memchr;
use retwist_reactor::{ProtocolRef, TransportRef};

use super::error::excerpt;
use super::exchange::UNIT_LIMIT;
use super::replies;
use super::smtp::reply;
use super::{Dialect, StartTlsError};
use crate::{Opening, OpeningLayer, Policy, Step};

/// Takes the greeting of a server without TLS, for a client that has been greeted already: by a
/// [`StartTlsServer`](super::StartTlsServer), in clear, before it started TLS. No greeting comes
/// behind TLS, but for ManageSieve, which repeats its capabilities there: for that dialect, and for
/// those whose client speaks first, nothing is taken.
///
/// A server that refuses to talk ends the connection with
/// [`StartTlsError::Refused`](super::StartTlsError::Refused).
#[derive(Clone, Debug)]
pub struct PlainServer {
    dialect: Dialect,
}

impl PlainServer {
    /// A server that speaks this dialect.
    pub fn new(dialect: Dialect) -> Self {
        PlainServer { dialect }
    }
}

impl Policy for PlainServer {
    type Layer = OpeningLayer<PlainServerGreeting>;

    fn layer(&self, above: ProtocolRef) -> Rc<Self::Layer> {
        OpeningLayer::new(PlainServerGreeting(self.dialect), above)
    }
}

/// The opening that [`PlainServer`] makes for one connection.
#[derive(Debug)]
pub struct PlainServerGreeting(Dialect);

impl Opening for PlainServerGreeting {
    type Error = StartTlsError;

    fn begin(&mut self, _: &TransportRef, _: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        let greets = !self.0.greeting("").is_empty();
        Ok(if greets { Step::used(0) } else { Step::done(0) })
    }

    fn advance(&mut self, bytes: &[u8], _: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        let end = match self.0 {
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
        let welcomes = match self.0 {
            Dialect::Imap => line.starts_with("* OK"),
            Dialect::Pop3 => line.starts_with("+OK"),
            _ => reply(&line).is_some_and(|(code, ..)| (200..300).contains(&code)),
        };
        if !welcomes {
            return Err(StartTlsError::Refused(self.0, excerpt(&bytes[..end])));
        }
        Ok(Step::done(end))
    }
}
