use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::thread::available_parallelism;

use super::{Workers, WorkersError};

/// How many [`Workers`] there are: what [`Workers::new`] takes, and what the option `--workers` of a
/// program reads.
///
/// ```
/// use retwist::{WorkerCount, Workers};
///
/// assert_eq!("4".parse(), Ok(WorkerCount::Exactly(4)));
/// let count: WorkerCount = "auto".parse()?;
/// let workers = Workers::new(count);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerCount {
    /// One for each core that the process may use, as
    /// [`available_parallelism`](std::thread::available_parallelism) says: on Linux, the cores that the
    /// process is bound to (`taskset`, a cpuset), and no more than its cgroup has a quota for (the limit
    /// of a container). If the system does not tell, one.
    ///
    /// The number is read once, when the workers start.
    Auto,
    /// This many, from 1 to [`Workers::MAX`].
    Exactly(usize),
}

impl WorkerCount {
    /// The number. It may be one that [`Workers::run`] refuses.
    pub fn number(self) -> usize {
        match self {
            WorkerCount::Exactly(count) => count,
            WorkerCount::Auto => match available_parallelism() {
                Ok(cores) => cores.get().min(Workers::MAX),
                Err(error) => {
                    log::warn!(
                        "the system does not tell how many cores there are, so there is one worker: {error}"
                    );
                    1
                }
            },
        }
    }

    pub(super) fn checked(self) -> Result<usize, WorkersError> {
        match self.number() {
            count @ 1..=Workers::MAX => Ok(count),
            _ => Err(WorkersError::Count),
        }
    }
}

/// One worker.
impl Default for WorkerCount {
    fn default() -> Self {
        WorkerCount::Exactly(1)
    }
}

impl From<usize> for WorkerCount {
    fn from(count: usize) -> Self {
        WorkerCount::Exactly(count)
    }
}

/// `auto`, or a number.
impl FromStr for WorkerCount {
    type Err = WorkerCountError;

    fn from_str(text: &str) -> Result<Self, WorkerCountError> {
        match text {
            "auto" => Ok(WorkerCount::Auto),
            number => match number.parse() {
                Ok(count @ 1..=Workers::MAX) => Ok(WorkerCount::Exactly(count)),
                _ => Err(WorkerCountError),
            },
        }
    }
}

impl fmt::Display for WorkerCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkerCount::Auto => f.write_str("auto"),
            WorkerCount::Exactly(count) => count.fmt(f),
        }
    }
}

/// A text is no [`WorkerCount`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerCountError;

impl fmt::Display for WorkerCountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, or auto", WorkersError::Count)
    }
}

impl Error for WorkerCountError {}
