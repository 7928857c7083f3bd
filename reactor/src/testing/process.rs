use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};

use super::clock::ManualClock;
use super::pair::Pair;
use super::port::End;
use super::wire::Whose;
use crate::core::connector::ConnectOptions;
use crate::heart::draining::Draining;
use crate::process::{Direction, Grip, PipeEnd, Process};
use crate::{
    Address, ChildDescriptor, Clock, ProcessError, ProcessExit, ProcessProtocolRef, Program,
    Protocol, ProtocolHandle, Signal, StreamSettings, TransportRef, WindowSize,
};

/// A child process that code under test has started on a
/// [`MemoryReactor`](super::MemoryReactor). No program runs: the test plays the child.
///
/// Each method runs the clock until nothing moves, so that all that follows has been done when it
/// returns.
#[derive(Clone)]
pub struct MemoryProcess {
    child: Rc<Child>,
}

pub(super) struct Child {
    clock: Rc<ManualClock>,
    program: Program,
    process: Rc<Process>,
    pipes: Vec<MemoryPipe>,
    signals: RefCell<Vec<Signal>>,
    window: Cell<Option<WindowSize>>,
    exit: Cell<Option<ProcessExit>>,
    pid: u32,
}

/// A pipe, with the child's end at the server of a pair.
struct MemoryPipe {
    descriptor: i32,
    /// Both ends live as long as this.
    _pair: Pair,
    end: ProtocolHandle<ChildEnd>,
}

/// The child's end of a pipe.
#[derive(Default)]
struct ChildEnd {
    transport: Option<TransportRef>,
    received: Vec<u8>,
    has_ended: bool,
}

impl Protocol for ChildEnd {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.transport = Some(transport.clone());
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.received.extend_from_slice(data);
    }

    fn read_connection_lost(&mut self, _: &TransportRef) {
        self.has_ended = true;
    }

    fn connection_lost(&mut self, _: &crate::Reason) {
        self.has_ended = true;
    }
}

impl MemoryProcess {
    pub(super) fn start(
        clock: &Rc<ManualClock>,
        program: Program,
        draining: &Draining,
        protocol: ProcessProtocolRef,
        pid: u32,
    ) -> Self {
        let process = Process::new(Clock::clone(clock), draining.clone(), protocol, false);
        let terminal = program.window().map(|_| (1, Direction::Both));
        let piped = program
            .descriptors()
            .filter_map(|(number, what)| match what {
                ChildDescriptor::ChildReads => Some((number, Direction::ToChild)),
                ChildDescriptor::ChildWrites => Some((number, Direction::FromChild)),
                _ => None,
            });
        let pipes = terminal.into_iter().chain(piped);
        let pipes = pipes.map(|(descriptor, direction)| {
            let end = ProtocolHandle::new(ChildEnd::default());
            let (protocol, owner) = PipeEnd::of(&process, descriptor);
            let bounds = program.bounds();
            let pair = Pair::owned(
                clock,
                End::new(protocol, bounds)
                    .of(Whose::Code)
                    .owned_by(owner)
                    .draining(draining),
                End::new((&end).into(), StreamSettings::client()),
            );
            process.add_pipe(descriptor, direction, pair.client_channel());
            MemoryPipe {
                descriptor,
                _pair: pair,
                end,
            }
        });
        let pipes = pipes.collect();
        let child = Rc::new(Child {
            clock: clock.clone(),
            window: Cell::new(program.window()),
            program,
            process: process.clone(),
            pipes,
            signals: RefCell::default(),
            exit: Cell::new(None),
            pid,
        });
        process.started(MemoryGrip {
            child: Rc::downgrade(&child),
            pid,
            address: Address::Process(child.program.path().into(), Some(pid)),
        });
        MemoryProcess { child }
    }

    /// The reactor drains, or is asked to end.
    pub(super) fn stop(&self) {
        self.child.process.stop();
    }

    pub(super) fn transport(&self) -> crate::ProcessTransport {
        self.child.process.transport()
    }

    /// Returns what was started, and how.
    pub fn program(&self) -> &Program {
        &self.child.program
    }

    /// The child writes at this descriptor of its own; 1 with a terminal.
    pub fn write(&self, descriptor: i32, data: &[u8]) {
        self.with_end(descriptor, |end| end.write(data));
    }

    /// Returns what the child has been written at this descriptor since the last time; 0 or 1 with a
    /// terminal.
    pub fn take_input(&self, descriptor: i32) -> Vec<u8> {
        self.child.clock.run();
        let pipe = self.pipe(descriptor);
        let taken =
            pipe.and_then(|pipe| pipe.end.try_call(|end| std::mem::take(&mut end.received)));
        taken.unwrap_or_default()
    }

    /// Whether the code under test has closed the pipe at this descriptor: for one that the child
    /// reads, whether its input has ended.
    pub fn is_closed(&self, descriptor: i32) -> bool {
        self.child.clock.run();
        let pipe = self.pipe(descriptor);
        let ended = pipe.and_then(|pipe| pipe.end.try_call(|end| end.has_ended));
        ended.unwrap_or(true)
    }

    /// The child closes this descriptor of its own, and goes on.
    pub fn close(&self, descriptor: i32) {
        self.with_end(descriptor, |end| end.lose_connection());
    }

    /// The child exits, and so all its descriptors close.
    pub fn exit(&self, exit: ProcessExit) {
        self.exit_alone(exit);
        for pipe in &self.child.pipes {
            self.close(pipe.descriptor);
        }
    }

    /// The child exits, and its pipes stay open, since a process of its own has inherited them. They
    /// close one by one with [`close`](MemoryProcess::close).
    pub fn exit_alone(&self, exit: ProcessExit) {
        if self.child.exit.replace(Some(exit)).is_none() {
            let process = self.child.process.clone();
            self.child.clock.call_soon(move || process.exited(exit));
        }
        self.child.clock.run();
    }

    /// The signals that it was sent, in order. None of them ends it: only
    /// [`exit`](MemoryProcess::exit) does.
    pub fn signals(&self) -> Vec<Signal> {
        self.child.signals.borrow().clone()
    }

    /// The present size of the window of its terminal; `None` without one.
    pub fn window(&self) -> Option<WindowSize> {
        self.child.window.get()
    }

    /// Whether it has not exited.
    pub fn is_running(&self) -> bool {
        self.child.exit.get().is_none()
    }

    fn pipe(&self, descriptor: i32) -> Option<&MemoryPipe> {
        let number = match descriptor {
            0 if self.child.window.get().is_some() => 1,
            number => number,
        };
        let mut pipes = self.child.pipes.iter();
        pipes.find(|pipe| pipe.descriptor == number)
    }

    fn with_end(&self, descriptor: i32, act: impl FnOnce(&TransportRef)) {
        self.child.clock.run();
        if let Some(pipe) = self.pipe(descriptor) {
            let transport = pipe.end.try_call(|end| end.transport.clone()).flatten();
            if let Some(transport) = transport {
                act(&transport);
            }
        }
        self.child.clock.run();
    }
}

struct MemoryGrip {
    child: Weak<Child>,
    pid: u32,
    address: Address,
}

impl Grip for MemoryGrip {
    fn pid(&self) -> u32 {
        self.pid
    }

    fn address(&self) -> Address {
        self.address.clone()
    }

    fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        let child = self.child.upgrade().ok_or(ProcessError::Exited)?;
        if child.exit.get().is_some() {
            return Err(ProcessError::Exited);
        }
        child.signals.borrow_mut().push(signal);
        Ok(())
    }

    fn set_window(&self, window: WindowSize) -> Result<(), ProcessError> {
        let child = self.child.upgrade().ok_or(ProcessError::Exited)?;
        child.window.get().ok_or(ProcessError::NoTerminal)?;
        child.window.set(Some(window));
        Ok(())
    }
}

impl fmt::Debug for MemoryProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryProcess")
            .field("program", self.program())
            .field("pid", &self.child.pid)
            .field("running", &self.is_running())
            .finish_non_exhaustive()
    }
}
