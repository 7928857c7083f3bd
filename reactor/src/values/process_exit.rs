use std::error::Error;
use std::fmt;

use crate::Signal;

/// The exit of a child process.
///
/// It is an [`Error`], so that it can be the [`Reason`](crate::Reason) of a connection to a child:
/// `reason.downcast_ref::<ProcessExit>()`.
#[doc(alias = "ProcessDone")]
#[doc(alias = "ProcessTerminated")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessExit {
    /// It has exited with this code; 0 means success.
    Code(i32),
    /// A signal has ended it.
    Signal {
        /// The signal.
        signal: Signal,
        /// Whether the system has written an image of its memory.
        core_dumped: bool,
    },
    /// It has ended, and its status is lost: other code of this program has waited for it
    /// (`waitpid(-1)`), or the program ignores SIGCHLD.
    Unknown,
    /// The reactor has ended first. The child may still run: see
    /// [`Program::outlives_reactor`](crate::Program::outlives_reactor).
    LeftRunning,
}

impl ProcessExit {
    /// Whether it has exited with the code 0.
    pub fn is_success(self) -> bool {
        self == ProcessExit::Code(0)
    }

    /// The code it has exited with; `None` for every other end.
    #[doc(alias = "exitCode")]
    pub fn code(self) -> Option<i32> {
        match self {
            ProcessExit::Code(code) => Some(code),
            _ => None,
        }
    }

    /// The signal that has ended it.
    pub fn signal(self) -> Option<Signal> {
        match self {
            ProcessExit::Signal { signal, .. } => Some(signal),
            _ => None,
        }
    }

    /// Returns what a shell says in `$?`: the code, or 128 and the number of the signal. `None` if the end is
    /// not known.
    pub fn shell_code(self) -> Option<i32> {
        match self {
            ProcessExit::Code(code) => Some(code),
            ProcessExit::Signal { signal, .. } => Some(128 + signal.number()),
            ProcessExit::Unknown | ProcessExit::LeftRunning => None,
        }
    }
}

impl fmt::Display for ProcessExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessExit::Code(code) => write!(f, "the process exited with code {code}"),
            ProcessExit::Signal {
                signal,
                core_dumped,
            } => {
                write!(f, "the process was ended by {signal}")?;
                f.write_str(if *core_dumped { " (core dumped)" } else { "" })
            }
            ProcessExit::Unknown => f.write_str(
                "the process ended, but its status is lost: other code of this program has waited for it, or SIGCHLD is ignored",
            ),
            ProcessExit::LeftRunning => {
                f.write_str("the reactor has ended before the process did")
            }
        }
    }
}

impl Error for ProcessExit {}
