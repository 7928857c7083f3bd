use std::any::{Any, TypeId};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::TransportRef;

use super::StartTlsError;
use crate::{Opening, Step};

/// One side of a dialect, until TLS begins. It takes one unit at a time: a line, a message, a tag.
pub(super) trait Exchange: 'static {
    /// What this side says first. [`Step::done`]: TLS begins behind that.
    fn begin(&mut self, _reply: &mut Vec<u8>) -> Step {
        Step::used(0)
    }

    /// Takes the unit in front of `bytes`, if all of it is there. [`Step::done`]: TLS begins behind
    /// it.
    fn advance(&mut self, bytes: &[u8], reply: &mut Vec<u8>) -> Result<Step, StartTlsError>;

    /// What the protocol above may ask for.
    fn extension(&self, _wanted: TypeId) -> Option<Rc<dyn Any>> {
        None
    }
}

/// The conversation of one connection before TLS, as [`StartTlsServer`](super::StartTlsServer) and
/// [`StartTlsClient`](super::StartTlsClient) hold it.
///
/// What is evil here is the peer, and any host between the two: all of it comes in clear. So nothing
/// that is said here lives on. The bytes behind the unit that starts TLS go to TLS, which takes them
/// for a record: clear text that was slipped in behind STARTTLS ends the connection, in both
/// directions. Both the number of units and the size of each are bounded.
pub struct StartTlsExchange {
    exchange: Box<dyn Exchange>,
    deadline: Duration,
    units: usize,
}

/// How many units one side may need before TLS. Clients send four at most.
const UNITS: usize = 64;

/// How long a unit may be.
pub(super) const UNIT_LIMIT: usize = 8 * 1024;

impl StartTlsExchange {
    pub(super) fn new(exchange: Box<dyn Exchange>, deadline: Duration) -> Self {
        StartTlsExchange {
            exchange,
            deadline,
            units: 0,
        }
    }
}

impl Opening for StartTlsExchange {
    type Error = StartTlsError;

    fn begin(&mut self, _: &TransportRef, reply: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        Ok(self.exchange.begin(reply))
    }

    fn advance(&mut self, bytes: &[u8], reply: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        let step = self.exchange.advance(bytes, reply)?;
        if step == Step::used(0) {
            if bytes.len() > UNIT_LIMIT {
                return Err(StartTlsError::TooLong(UNIT_LIMIT));
            }
        } else {
            self.units += 1;
            if self.units > UNITS {
                return Err(StartTlsError::TooManyCommands(UNITS));
            }
        }
        Ok(step)
    }

    fn deadline(&self) -> Duration {
        self.deadline
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        self.exchange.extension(wanted)
    }
}

impl fmt::Debug for StartTlsExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartTlsExchange")
            .field("units", &self.units)
            .finish_non_exhaustive()
    }
}
