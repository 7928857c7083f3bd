use std::error::Error;
use std::fmt;

use retwist_reactor::SpawnError;

use super::ProcessOutput;

/// The reason why a program that was run did not give what it was run for.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProcessFailure {
    /// It was not started.
    Spawn(SpawnError),
    /// It has failed, by its exit. What it has said before is there.
    Failed(ProcessOutput),
    /// It has written more than this many bytes, and was killed.
    TooMuch(usize),
}

impl From<SpawnError> for ProcessFailure {
    fn from(error: SpawnError) -> Self {
        ProcessFailure::Spawn(error)
    }
}

impl fmt::Display for ProcessFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessFailure::Spawn(error) => error.fmt(f),
            ProcessFailure::Failed(output) => {
                output.exit.fmt(f)?;
                let said = String::from_utf8_lossy(&output.err);
                match said.trim().lines().last() {
                    Some(last) => write!(f, ", and said: {last}"),
                    None => Ok(()),
                }
            }
            ProcessFailure::TooMuch(limit) => {
                write!(
                    f,
                    "the process was killed: it wrote more than {limit} bytes"
                )
            }
        }
    }
}

impl Error for ProcessFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ProcessFailure::Spawn(error) => error.source(),
            _ => None,
        }
    }
}
