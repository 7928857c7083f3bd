use std::error::Error;
use std::fmt;
use std::rc::Rc;

use retwist_reactor::Reason;

use crate::{DialError, Failure};

/// A [`ClientService`](crate::ClientService) still has no connection after the number of attempts
/// given to `when_connected`.
#[derive(Clone, Debug)]
pub struct ServiceError {
    failures: u32,
    last: Rc<Failure<AttemptError>>,
}

impl ServiceError {
    pub(crate) fn new(failures: u32, last: Failure<AttemptError>) -> Self {
        ServiceError {
            failures,
            last: Rc::new(last),
        }
    }

    /// The failure of the last attempt.
    pub fn last(&self) -> &Failure<AttemptError> {
        &self.last
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connection after {} attempts", self.failures)
    }
}

impl Error for ServiceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.last)
    }
}

/// The reason why an attempt of a [`ClientService`](crate::ClientService) failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum AttemptError {
    /// The connection could not be made.
    Dial(DialError),
    /// The connection could not be prepared.
    Prepare(Box<dyn Error>),
    /// The connection was lost while it was being prepared.
    Lost(Reason),
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttemptError::Dial(_) => f.write_str("connecting failed"),
            AttemptError::Prepare(_) => f.write_str("preparing the connection failed"),
            AttemptError::Lost(_) => {
                f.write_str("the connection was lost while it was being prepared")
            }
        }
    }
}

impl Error for AttemptError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            AttemptError::Dial(error) => Some(error),
            AttemptError::Prepare(error) => Some(&**error),
            AttemptError::Lost(reason) => Some(reason),
        }
    }
}
