use std::any::{Any, TypeId};
use std::os::fd::BorrowedFd;
use std::rc::{Rc, Weak};

use rustix::termios::{Winsize, tcsetwinsize};

use super::child::{Direction, Grip, Process};
use super::launch::{Launched, LaunchedPipe, launch};
use super::log_lines::LogLines;
use super::pipe::{PipeEnd, PipeOwner};
use super::program::{Program, WindowSize};
use crate::core::Core;
use crate::core::exits::{HearsExit, WatchedChild};
use crate::core::sources::Served;
use crate::descriptor::{self, Companion, DescriptorStream, DescriptorWire};
use crate::stream::Stream;
use crate::{
    Address, ProcessError, ProcessExit, ProcessProtocolRef, ProcessTransport, ReactorHandle,
    Reason, Signal, SpawnError,
};

/// Starts a program for a process protocol.
pub(crate) fn spawn(
    reactor: &ReactorHandle,
    program: &Program,
    protocol: ProcessProtocolRef,
) -> Result<ProcessTransport, SpawnError> {
    let core = reactor.open_core().map_err(|_| SpawnError::ReactorGone)?;
    let Launched { child, pipes } = launch(program)?;
    let clock = core.clock().clone();
    let draining = core.context.draining.clone();
    let process = Process::new(clock, draining, protocol, program.outlives_reactor);
    let address = Address::Process(program.path().into(), Some(child.id()));
    let child = core
        .exits
        .watch(child, process.clone())
        .map_err(|error| program.failed(error))?;
    if !program.outlives_reactor {
        process.is_served(Served::by(&core.sources));
    }
    let mut terminal = None;
    for pipe in pipes {
        let is_terminal = pipe.direction == Direction::Both;
        match open_pipe(&core, program, &address, &process, pipe) {
            Ok(stream) if is_terminal => terminal = Some(Rc::downgrade(&stream)),
            Ok(_) => {}
            Err(error) => {
                process.withdraw();
                child.kill_and_wait();
                return Err(error);
            }
        }
    }
    process.started(Held {
        child: Rc::downgrade(&child),
        pid: child.pid(),
        address,
        terminal,
    });
    Ok(process.transport())
}

fn open_pipe(
    core: &Rc<Core>,
    program: &Program,
    address: &Address,
    process: &Rc<Process>,
    pipe: LaunchedPipe,
) -> Result<Rc<Stream<DescriptorWire>>, SpawnError> {
    let (number, direction) = (pipe.descriptor, pipe.direction);
    let (protocol, owner) = if pipe.is_log {
        let protocol = LogLines::new(&address.to_string()).into();
        (protocol, PipeOwner::of(process, number))
    } else {
        PipeEnd::of(process, number)
    };
    let stream = match direction {
        Direction::ToChild => DescriptorStream::writing(pipe.end),
        Direction::FromChild => DescriptorStream::reading(pipe.end),
        // The child may have closed it, and be about to exit: if this side closed it too, the child
        // would get SIGHUP in the middle of its end.
        Direction::Both => DescriptorStream::new(pipe.end).companion(process.clone()),
    };
    let stream = stream
        .peer(address.clone())
        .settings(program.settings.clone());
    let stream = descriptor::open(core, stream, protocol, Some(owner))
        .map_err(|error| program.failed(std::io::Error::other(error)))?;
    process.add_pipe(number, direction, Rc::downgrade(&stream) as _);
    Ok(stream)
}

/// The grip on a child of the system.
struct Held {
    child: Weak<WatchedChild>,
    pid: u32,
    address: Address,
    terminal: Option<Weak<Stream<DescriptorWire>>>,
}

impl Grip for Held {
    fn pid(&self) -> u32 {
        self.pid
    }

    fn address(&self) -> Address {
        self.address.clone()
    }

    fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        let child = self.child.upgrade().ok_or(ProcessError::Exited)?;
        child.signal(signal)
    }

    fn leave(&self) {
        if let Some(child) = self.child.upgrade() {
            child.leave();
        }
    }

    fn set_window(&self, window: WindowSize) -> Result<(), ProcessError> {
        let terminal = self.terminal.as_ref().ok_or(ProcessError::NoTerminal)?;
        let terminal = terminal.upgrade().ok_or(ProcessError::NoTerminal)?;
        set_window(&terminal, window)
    }
}

/// Sets the size of the window of the terminal that the stream is on.
pub(super) fn set_window(
    terminal: &Stream<DescriptorWire>,
    window: WindowSize,
) -> Result<(), ProcessError> {
    let size = Winsize {
        ws_row: window.rows,
        ws_col: window.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let set = |descriptor: BorrowedFd<'_>| tcsetwinsize(descriptor, size);
    match terminal.wire.with_input(set) {
        Some(outcome) => outcome.map_err(|error| ProcessError::Failed(error.into())),
        None => Err(ProcessError::NoTerminal),
    }
}

/// The companion of its terminal.
impl Companion for Process {
    fn outcome(&self) -> Option<Reason> {
        (!self.is_running()).then_some(Reason::Done)
    }

    fn closed(&self, _: bool) {}

    fn extension(&self, _: TypeId) -> Option<Rc<dyn Any>> {
        None
    }
}

impl HearsExit for Process {
    fn exited(&self, exit: ProcessExit) {
        Process::exited(self, exit);
    }

    fn drain(&self) {
        if !Process::outlives_reactor(self) {
            Process::stop(self);
        }
    }

    fn stop(&self) {
        Process::stop(self);
    }

    fn outlives_reactor(&self) -> bool {
        Process::outlives_reactor(self)
    }
}
