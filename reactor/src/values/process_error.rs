use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::Signal;

/// The reason why a child process was not started. Nothing is left of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum SpawnError {
    /// There is no such program; a name without a slash is looked for in `PATH`. Or the program is a
    /// script whose interpreter is missing.
    NoSuchProgram(OsString, io::Error),
    /// The directory that the child is to start in does not exist, or is a file.
    NoSuchDirectory(PathBuf, io::Error),
    /// The file may not be executed, or a folder on the way to it may not be entered.
    NotExecutable(OsString, io::Error),
    /// The file is not in a form that the system executes.
    NotAProgram(OsString, io::Error),
    /// This process may not take the user or the group that was asked for.
    NotPermitted(io::Error),
    /// The user, or the system, has as many processes as it may have.
    TooManyProcesses(io::Error),
    /// This process, or the system, has as many descriptors as it may have.
    TooManyDescriptors(io::Error),
    /// An argument or a variable of the environment has a zero byte, or all together are too long.
    Arguments(io::Error),
    /// The descriptors of the child were described in a way that cannot be: see
    /// [`ChildDescriptor`](crate::ChildDescriptor). The number is that of the descriptor.
    Descriptor(i32, &'static str),
    /// The system has no pseudo-terminal for it.
    Terminal(io::Error),
    /// Anything else that the system said.
    Failed(OsString, io::Error),
    /// The reactor has ended.
    ReactorGone,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpawnError::NoSuchProgram(program, _) => write!(
                f,
                "cannot run {}: there is no such program (or its interpreter is missing)",
                program.display()
            ),
            SpawnError::NoSuchDirectory(path, _) => write!(
                f,
                "cannot run a program in {}: there is no such directory",
                path.display()
            ),
            SpawnError::NotExecutable(program, _) => write!(
                f,
                "cannot run {}: not permitted; look at the mode of the file and of the folders above it",
                program.display()
            ),
            SpawnError::NotAProgram(program, _) => write!(
                f,
                "cannot run {}: this system does not execute such a file; a script needs a first line such as #!/bin/sh",
                program.display()
            ),
            SpawnError::NotPermitted(_) => {
                f.write_str("this process may not take that user or group; only root may")
            }
            SpawnError::TooManyProcesses(_) => {
                f.write_str("cannot run a program: there are too many processes already")
            }
            SpawnError::TooManyDescriptors(_) => {
                f.write_str("cannot run a program: there are too many open files already")
            }
            SpawnError::Arguments(_) => f.write_str(
                "cannot run a program: an argument has a zero byte, or all are too long",
            ),
            SpawnError::Descriptor(number, why) => {
                write!(f, "cannot give the child its descriptor {number}: {why}")
            }
            SpawnError::Terminal(_) => f.write_str("the system gives no pseudo-terminal"),
            SpawnError::Failed(program, _) => write!(f, "cannot run {}", program.display()),
            SpawnError::ReactorGone => f.write_str("the reactor has ended"),
        }
    }
}

impl Error for SpawnError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            SpawnError::NoSuchProgram(_, error)
            | SpawnError::NoSuchDirectory(_, error)
            | SpawnError::NotExecutable(_, error)
            | SpawnError::NotAProgram(_, error)
            | SpawnError::NotPermitted(error)
            | SpawnError::TooManyProcesses(error)
            | SpawnError::TooManyDescriptors(error)
            | SpawnError::Arguments(error)
            | SpawnError::Terminal(error)
            | SpawnError::Failed(_, error) => Some(error),
            SpawnError::Descriptor(..) | SpawnError::ReactorGone => None,
        }
    }
}

/// The reason why a child process cannot be sent a signal, or be told the size of its window.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProcessError {
    /// The child has ended already.
    #[doc(alias = "ProcessExitedAlready")]
    Exited,
    /// This process may no longer send signals to that one: it has taken another user.
    NotPermitted(io::Error),
    /// Signals that have only a number cannot be sent.
    UnnamedSignal(Signal),
    /// The child has no terminal.
    NoTerminal,
    /// Anything else that the system said.
    Failed(io::Error),
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessError::Exited => f.write_str("the process has ended already"),
            ProcessError::NotPermitted(_) => {
                f.write_str("not permitted to send signals to a process of another user")
            }
            ProcessError::UnnamedSignal(signal) => {
                write!(
                    f,
                    "cannot send {signal}: only signals with a name can be sent"
                )
            }
            ProcessError::NoTerminal => {
                f.write_str("the process has no terminal; start it with Program::terminal")
            }
            ProcessError::Failed(_) => f.write_str("the process cannot be told"),
        }
    }
}

impl Error for ProcessError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ProcessError::NotPermitted(error) | ProcessError::Failed(error) => Some(error),
            _ => None,
        }
    }
}
