#[cfg_attr(
    not(feature = "child-descriptors"),
    path = "launch/without_above_two.rs"
)]
mod above_two;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::io::Errno;

use super::child::Direction;
use super::program::{ChildDescriptor, Program, WindowSize};
use crate::SpawnError;
use crate::inherited;

/// A child that was started just now, and this side's ends of its pipes, which do not block.
///
/// What is evil here is what a descriptor that is forgotten does: a pipe ends when the last copy of its
/// other end is closed. So all descriptors close at `exec`, the child's ends are closed in this process
/// as soon as it runs, and it gets none but those that are meant for it.
///
/// Starting a program blocks the loop until the system has begun to execute it: some hundred
/// microseconds, more if this process is large and has to be copied, which it is not unless the program
/// gets a terminal, another user, or a descriptor above 2.
pub(super) struct Launched {
    pub(super) child: Child,
    pub(super) pipes: Vec<LaunchedPipe>,
}

/// This side's end of a pipe.
pub(super) struct LaunchedPipe {
    /// The number that it has in the child.
    pub(super) descriptor: i32,
    pub(super) direction: Direction,
    pub(super) end: OwnedFd,
    /// Its lines go to the log.
    pub(super) is_log: bool,
}

/// The ends that the child gets, by number.
type ChildEnds = BTreeMap<i32, OwnedFd>;

/// Starts the program.
pub(super) fn launch(program: &Program) -> Result<Launched, SpawnError> {
    let mut pipes = Vec::new();
    let ends = open_ends(program, &mut pipes)?;
    let mut command = command(program);
    let guards = give(&mut command, ends)?;
    let started = match program.terminal {
        Some(window) => start_on_terminal(command, window, &mut pipes)?,
        None => command.spawn(),
    };
    drop(guards);
    let child = started.map_err(|error| explain(program, error))?;
    Ok(Launched { child, pipes })
}

fn command(program: &Program) -> Command {
    let mut command = Command::new(&program.path);
    command.args(&program.args);
    if let Some(name) = &program.arg0 {
        command.arg0(name);
    }
    if program.env_clear {
        command.env_clear();
    }
    for name in inherited::VARIABLES {
        command.env_remove(name);
    }
    for (name, value) in &program.env {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(path) = &program.directory {
        command.current_dir(path);
    }
    if let Some(gid) = program.gid {
        command.gid(gid);
    }
    if let Some(uid) = program.uid {
        command.uid(uid);
    }
    if program.new_group && program.terminal.is_none() {
        command.process_group(0);
    }
    command
}

/// Makes what the child gets at its descriptors, and this side's ends.
fn open_ends(program: &Program, pipes: &mut Vec<LaunchedPipe>) -> Result<ChildEnds, SpawnError> {
    let mut ends = ChildEnds::new();
    for (number, what) in &program.descriptors {
        let (number, is_log) = (*number, matches!(what, ChildDescriptor::Log));
        if number < 0 {
            return Err(SpawnError::Descriptor(number, "there are none below 0"));
        }
        let mut add = |direction, end: OwnedFd| {
            rustix::io::ioctl_fionbio(&end, true)?;
            pipes.push(LaunchedPipe {
                descriptor: number,
                direction,
                end,
                is_log,
            });
            io::Result::Ok(())
        };
        let end = match what {
            ChildDescriptor::ChildReads => io::pipe().and_then(|(theirs, ours)| {
                add(Direction::ToChild, ours.into())?;
                Ok(theirs.into())
            }),
            ChildDescriptor::ChildWrites | ChildDescriptor::Log => {
                io::pipe().and_then(|(ours, theirs)| {
                    add(Direction::FromChild, ours.into())?;
                    Ok(theirs.into())
                })
            }
            ChildDescriptor::Inherit => own(number)?,
            ChildDescriptor::Null => null(),
            ChildDescriptor::Open(descriptor) => descriptor.try_clone(),
            ChildDescriptor::Once(descriptor) => Ok(descriptor.take().ok_or(
                SpawnError::Descriptor(number, "it was for one start, and is gone"),
            )?),
            ChildDescriptor::SameAs(_) => continue,
        };
        ends.insert(number, end.map_err(|error| explain(program, error))?);
    }
    for (number, what) in &program.descriptors {
        if let ChildDescriptor::SameAs(other) = what {
            let end = ends.get(other).ok_or(SpawnError::Descriptor(
                *number,
                "it is to be the same as one that it does not have, or that is itself the same as another",
            ))?;
            let end = end.try_clone().map_err(|error| explain(program, error))?;
            ends.insert(*number, end);
        }
    }
    Ok(ends)
}

fn own(number: i32) -> Result<io::Result<OwnedFd>, SpawnError> {
    Ok(match number {
        0 => io::stdin().as_fd().try_clone_to_owned(),
        1 => io::stdout().as_fd().try_clone_to_owned(),
        2 => io::stderr().as_fd().try_clone_to_owned(),
        _ => {
            return Err(SpawnError::Descriptor(
                number,
                "only 0, 1 and 2 can be inherited; give the descriptor itself",
            ));
        }
    })
}

fn null() -> io::Result<OwnedFd> {
    let null = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    Ok(null.into())
}

/// Has the command give the child its ends. What is returned has to live until the child has started.
fn give(command: &mut Command, mut ends: ChildEnds) -> Result<Vec<OwnedFd>, SpawnError> {
    let mut stdio = |number| ends.remove(&number).map_or_else(Stdio::null, Stdio::from);
    command.stdin(stdio(0)).stdout(stdio(1)).stderr(stdio(2));
    if ends.is_empty() {
        return Ok(Vec::new());
    }
    above_two::give(command, ends)
}

/// Starts the command as the leader of a session whose terminal is a new one.
fn start_on_terminal(
    command: Command,
    window: WindowSize,
    pipes: &mut Vec<LaunchedPipe>,
) -> Result<io::Result<Child>, SpawnError> {
    let failed = |error: pty_process::Error| SpawnError::Terminal(as_io(error));
    let (master, terminal) = pty_process::blocking::open().map_err(failed)?;
    let size = pty_process::Size::new(window.rows, window.columns);
    master.resize(size).map_err(failed)?;
    let master = OwnedFd::from(master);
    rustix::io::ioctl_fionbio(&master, true).map_err(|error| SpawnError::Terminal(error.into()))?;
    pipes.push(LaunchedPipe {
        descriptor: 1,
        direction: Direction::Both,
        end: master,
        is_log: false,
    });
    let command = pty_process::blocking::Command::from(command);
    Ok(command.spawn(terminal).map_err(as_io))
}

fn as_io(error: pty_process::Error) -> io::Error {
    match error {
        pty_process::Error::Io(error) => error,
        pty_process::Error::Rustix(error) => error.into(),
    }
}

/// Why the program was not started, as far as an error of the system says.
fn explain(program: &Program, error: io::Error) -> SpawnError {
    let path = program.path.clone();
    let directory = program.directory.as_deref();
    if error.kind() == io::ErrorKind::InvalidInput && error.raw_os_error().is_none() {
        return SpawnError::Arguments(error);
    }
    match (Errno::from_io_error(&error), directory) {
        (Some(Errno::NOENT | Errno::NOTDIR), Some(path)) if !Path::is_dir(path) => {
            SpawnError::NoSuchDirectory(path.to_owned(), error)
        }
        (Some(Errno::NOENT | Errno::NOTDIR), _) => SpawnError::NoSuchProgram(path, error),
        (Some(Errno::ACCESS), _) => SpawnError::NotExecutable(path, error),
        (Some(Errno::NOEXEC), _) => SpawnError::NotAProgram(path, error),
        (Some(Errno::PERM), _) => SpawnError::NotPermitted(error),
        (Some(Errno::AGAIN), _) => SpawnError::TooManyProcesses(error),
        (Some(Errno::TOOBIG), _) => SpawnError::Arguments(error),
        _ => program.failed(error),
    }
}
