use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use retwist_reactor::RunError;

use super::Workers;

/// Why workers could not be set up or run. No worker is running.
#[derive(Debug)]
#[non_exhaustive]
pub enum WorkersError {
    /// The number of workers was 0, or more than [`Workers::MAX`].
    Count,
    /// The set-up of a worker has failed with this.
    SetUp(Box<dyn Error + Send + Sync>),
    /// The set-up of a worker, or other code that ran there outside of callbacks, has panicked with
    /// this message.
    Panicked(Arc<str>),
    /// The loop of a worker has not turned for the period of the [watchdog](Workers::watchdog), with what
    /// it was at.
    Stuck(String),
    /// Workers were [replaced](Workers::replacing), and each has failed again and again until it was given
    /// up. This is how the last one has failed.
    NoneLeft(Box<WorkersError>),
    /// The system cannot start a thread.
    Thread(io::Error),
    /// The reactor of a worker, or the one that waits for them, could not be made or run.
    Reactor(RunError),
}

impl fmt::Display for WorkersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkersError::Count => write!(f, "there can be 1 to {} workers", Workers::MAX),
            WorkersError::SetUp(_) => f.write_str("a worker cannot be set up"),
            WorkersError::Panicked(message) => write!(f, "a worker panicked: {message}"),
            WorkersError::Stuck(why) => write!(f, "a worker was stuck: {why}"),
            WorkersError::NoneLeft(_) => {
                f.write_str("no worker is left: each has failed again and again")
            }
            WorkersError::Thread(_) => f.write_str("the system cannot start a thread for a worker"),
            WorkersError::Reactor(_) => f.write_str("the reactor of a worker failed"),
        }
    }
}

impl Error for WorkersError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            WorkersError::SetUp(error) => Some(&**error),
            WorkersError::NoneLeft(last) => Some(&**last),
            WorkersError::Thread(error) => Some(error),
            WorkersError::Reactor(error) => Some(error),
            WorkersError::Count | WorkersError::Panicked(_) | WorkersError::Stuck(_) => None,
        }
    }
}
