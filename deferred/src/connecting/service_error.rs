use std::error::Error;
use std::fmt;
use std::rc::Rc;

use retwist_reactor::Reason;

use crate::{DialError, Failure};

/// A [`ClientService`](crate::ClientService) has no connection yet, after so many attempts as
/// somebody was ready to wait for.
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

    /// What became of the last attempt.
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

/// Why an attempt of a [`ClientService`](crate::ClientService) has failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum AttemptError {
    /// There was no connection.
    Dial(DialError),
    /// There was one, and preparing it failed.
    Prepare(Box<dyn Error>),
    /// There was one, and it was lost while it was being prepared.
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
