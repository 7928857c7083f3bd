use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

/// The reason why a descriptor that the program was to be started with cannot be had.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum InheritedError {
    /// No service manager has passed sockets: `LISTEN_FDS` is not set.
    NothingPassed,
    /// The sockets are for the process with this number (`LISTEN_PID`), and not for this one.
    ForAnotherProcess(String),
    /// A variable of the environment has a value that it cannot have.
    Malformed(&'static str, String),
    /// None of the sockets that were passed has this index.
    NoSuchIndex {
        /// The index that was asked for, from 0.
        index: usize,
        /// How many were passed.
        passed: usize,
    },
    /// No socket of this name was passed.
    NoSuchName {
        /// The name that was asked for.
        name: String,
        /// The names that were passed, with commas between them.
        passed: String,
    },
    /// Several sockets of this name were passed.
    Ambiguous(String),
    /// No descriptor of this number is open.
    NotOpen(i32, Arc<io::Error>),
    /// The descriptor of this number was opened by this program itself.
    OpenedHere(i32),
    /// What the system said about this number.
    Failed(i32, Arc<io::Error>),
}

impl fmt::Display for InheritedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InheritedError::NothingPassed => f.write_str(
                "no sockets were passed to this program: LISTEN_FDS is not set; start it by its socket unit or by systemd-socket-activate",
            ),
            InheritedError::ForAnotherProcess(pid) => write!(
                f,
                "the sockets of LISTEN_FDS are for the process {pid} (LISTEN_PID), and this is {}",
                std::process::id()
            ),
            InheritedError::Malformed(variable, value) => write!(
                f,
                "the environment variable {variable} is {value:?}, which it cannot be"
            ),
            InheritedError::NoSuchIndex { index, passed } => write!(
                f,
                "there is no socket with index {index}: {passed} were passed, and the first has index 0"
            ),
            InheritedError::NoSuchName { name, passed } => {
                write!(f, "no socket of the name {name:?} was passed, but {passed}")
            }
            InheritedError::Ambiguous(name) => write!(
                f,
                "several sockets of the name {name:?} were passed; choose one by its index"
            ),
            InheritedError::NotOpen(number, _) => write!(
                f,
                "the descriptor {number} is not open: the program was started without it"
            ),
            InheritedError::OpenedHere(number) => write!(
                f,
                "the descriptor {number} is the program's own: it was started without one of this number"
            ),
            InheritedError::Failed(number, _) => write!(f, "the descriptor {number} cannot be used"),
        }
    }
}

impl Error for InheritedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            InheritedError::NotOpen(_, error) | InheritedError::Failed(_, error) => Some(&**error),
            _ => None,
        }
    }
}
