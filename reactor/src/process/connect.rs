use std::any::{Any, TypeId};
use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use super::child::Direction;
use super::child_process::ChildProcess;
use super::launch::{Launched, LaunchedPipe, launch};
use super::log_lines::LogLines;
use super::program::{ChildDescriptor, Program};
use super::spawn::set_window;
use crate::core::Core;
use crate::core::connector::{Attempt, ConnectOptions, Dialer, OwnedConnector};
use crate::core::exits::{HearsExit, WatchedChild};
use crate::descriptor::{self, Companion, DescriptorStream, DescriptorWire};
use crate::heart::channel::Channel;
use crate::stream::{Stream, Wire};
use crate::{
    Address, Clock, ConnectError, Connector, DelayedCall, FactoryRef, ProcessError, ProcessExit,
    ReactorHandle, Reason, Signal, SpawnError, StreamSettings, WindowSize,
};

impl ConnectOptions for Program {
    fn destination(&self) -> Address {
        Address::Process(self.path().into(), None)
    }

    /// A program runs at once, or not at all.
    fn time_limit(&self) -> Duration {
        Duration::MAX
    }

    fn bounds(&self) -> StreamSettings {
        self.settings.clone()
    }
}

/// Starts a program as the peer of an ordinary protocol.
pub(crate) fn connect(reactor: &ReactorHandle, program: Program, factory: FactoryRef) -> Connector {
    let destination = program.destination();
    let dialer = ChildDialer {
        core: reactor.core.clone(),
        program: Rc::new(program),
    };
    OwnedConnector::new(destination, factory, reactor.clock.clone(), dialer).begin()
}

struct ChildDialer {
    core: Weak<Core>,
    program: Rc<Program>,
}

impl Dialer for ChildDialer {
    fn dial(&self, connector: &Rc<OwnedConnector>) -> Option<Rc<dyn Attempt>> {
        let core = self.core.upgrade().filter(|core| !core.is_ending())?;
        let cancelled = Rc::new(Cell::new(false));
        let (connector, program) = (connector.clone(), self.program.clone());
        let (weak, is_cancelled) = (self.core.clone(), cancelled.clone());
        core.clock().call_soon(move || {
            let outcome = match weak.upgrade().filter(|core| !core.is_ending()) {
                _ if is_cancelled.get() => Err(ConnectError::Cancelled),
                Some(core) => begin(&core, &program, &connector),
                None => Err(ConnectError::ReactorGone),
            };
            if let Err(error) = outcome {
                connector.failed(&error);
            }
        });
        Some(Rc::new(Start { cancelled }))
    }
}

/// A program that is started in the next turn.
struct Start {
    cancelled: Rc<Cell<bool>>,
}

impl Attempt for Start {
    fn cancel(&self) {
        self.cancelled.set(true);
    }
}

/// Starts the program and makes the stream.
fn begin(
    core: &Rc<Core>,
    program: &Program,
    connector: &Rc<OwnedConnector>,
) -> Result<(), ConnectError> {
    let spawned = |error| ConnectError::Spawn(Arc::new(error));
    let program = as_peer(program).map_err(spawned)?;
    let Launched { child, pipes } = launch(&program).map_err(spawned)?;
    let address = Address::Process(program.path().into(), Some(child.id()));
    let connection = Rc::new_cyclic(|me| ChildConnection {
        me: me.clone(),
        child: OnceCell::new(),
        pid: child.id(),
        stream: RefCell::default(),
        exit: Cell::new(None),
        clock: core.clock().clone(),
        next_signal: Cell::new(None),
        patience: Cell::new(Patience::Fresh),
        linger: program.settings.linger_timeout,
        grace: program.grace,
        outlives_reactor: program.outlives_reactor,
    });
    let child = core
        .exits
        .watch(child, connection.clone())
        .map_err(|error| spawned(program.failed(error)))?;
    let _ = connection.child.set(Rc::downgrade(&child));
    let outcome = match connector.factory().build_protocol(&address) {
        Some(protocol) => Ends::of(core, &program, &address, pipes).and_then(|stream| {
            let stream = stream
                .settings(program.settings.clone())
                .peer(address)
                .companion(connection.clone());
            let owner = Some(connector.clone() as _);
            descriptor::open(core, stream, protocol, owner)
                .map_err(|error| program.failed(io::Error::other(error)))
        }),
        None => {
            child.kill_and_wait();
            return Err(ConnectError::Refused);
        }
    };
    match outcome {
        Ok(stream) => {
            connector.connected(Rc::downgrade(&stream) as _);
            connection.stream.replace(Rc::downgrade(&stream));
            Ok(())
        }
        Err(error) => {
            child.kill_and_wait();
            Err(spawned(error))
        }
    }
}

/// The program with the descriptors of a peer.
fn as_peer(program: &Program) -> Result<Program, SpawnError> {
    let mut program = program.clone();
    if program.terminal.is_none() {
        let descriptors = &mut program.descriptors;
        descriptors.insert(0, ChildDescriptor::ChildReads);
        descriptors.insert(1, ChildDescriptor::ChildWrites);
        if let Some(ChildDescriptor::ChildWrites) = descriptors.get(&2) {
            descriptors.insert(2, ChildDescriptor::Log);
        }
    }
    let is_pipe = |what: &ChildDescriptor| {
        matches!(
            what,
            ChildDescriptor::ChildReads | ChildDescriptor::ChildWrites
        )
    };
    match program
        .descriptors
        .iter()
        .find(|(number, what)| **number > 1 && is_pipe(what))
    {
        Some((number, _)) => Err(SpawnError::Descriptor(
            *number,
            "a child that is a connection has its pipes at 0 and 1; use spawn_process for more",
        )),
        None => Ok(program),
    }
}

/// This side's ends of the pipes of a child that is a peer.
#[derive(Default)]
struct Ends {
    to_child: Option<std::os::fd::OwnedFd>,
    from_child: Option<std::os::fd::OwnedFd>,
}

impl Ends {
    /// Makes a stream of them. What goes to the log gets a stream of its own.
    fn of(
        core: &Rc<Core>,
        program: &Program,
        address: &Address,
        pipes: Vec<LaunchedPipe>,
    ) -> Result<DescriptorStream, SpawnError> {
        let mut ends = Ends::default();
        for pipe in pipes {
            match pipe.direction {
                Direction::Both => return Ok(DescriptorStream::new(pipe.end)),
                Direction::ToChild => ends.to_child = Some(pipe.end),
                Direction::FromChild if pipe.is_log => {
                    let lines = LogLines::new(&address.to_string()).into();
                    let stream = DescriptorStream::reading(pipe.end).peer(address.clone());
                    descriptor::open(core, stream, lines, None)
                        .map_err(|error| program.failed(io::Error::other(error)))?;
                }
                Direction::FromChild => ends.from_child = Some(pipe.end),
            }
        }
        match (ends.from_child, ends.to_child) {
            (Some(from_child), Some(to_child)) => Ok(DescriptorStream::pair(from_child, to_child)),
            _ => Err(SpawnError::Descriptor(0, "it has no pipe there")),
        }
    }
}

/// The child of a connection: it lives as long as its connection, give or take.
///
/// ```text
///                        the child has exited        it runs
/// both halves closed     the end, with its status    waits for the exit, at most linger_timeout
/// the connection ended   nothing more                SIGTERM after the grace, then SIGKILL after it
/// it broke, was aborted  nothing more                SIGTERM, then SIGKILL after the grace
/// ```
pub(super) struct ChildConnection {
    me: Weak<ChildConnection>,
    child: OnceCell<Weak<WatchedChild>>,
    pid: u32,
    stream: RefCell<Weak<Stream<DescriptorWire>>>,
    exit: Cell<Option<ProcessExit>>,
    clock: Clock,
    /// What the child gets next, since its connection has ended.
    next_signal: Cell<Option<DelayedCall>>,
    /// How far the end of its output waits for its exit.
    patience: Cell<Patience>,
    linger: Duration,
    grace: Duration,
    outlives_reactor: bool,
}

/// See [`ChildConnection::input_ended`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    Fresh,
    Waits,
    Over,
}

impl ChildConnection {
    pub(super) fn pid(&self) -> Option<u32> {
        self.exit.get().is_none().then_some(self.pid)
    }

    pub(super) fn exit(&self) -> Option<ProcessExit> {
        self.exit.get()
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        let child = self.child.get().and_then(Weak::upgrade);
        child.ok_or(ProcessError::Exited)?.signal(signal)
    }

    pub(super) fn set_window(&self, window: WindowSize) -> Result<(), ProcessError> {
        let stream = self.stream.borrow().upgrade();
        set_window(&*stream.ok_or(ProcessError::NoTerminal)?, window)
    }

    fn look_again(&self) {
        let stream = self.stream.borrow().upgrade();
        if let Some(stream) = stream {
            stream.wire.read_again();
            stream.seat().wants_turn();
        }
    }

    /// Sends the signal, and SIGKILL after SIGTERM.
    fn end(&self, signal: Signal) {
        match self.signal(signal) {
            Ok(()) if signal == Signal::TERM => self.end_later(Signal::KILL),
            Ok(()) | Err(ProcessError::Exited) => {}
            Err(error) => log::warn!("process {} cannot be ended: {error}", self.pid),
        }
    }

    fn end_later(&self, signal: Signal) {
        let me = self.me.clone();
        let call = self.clock.call_later(self.grace, move || {
            if let Some(me) = me.upgrade() {
                me.end(signal);
            }
        });
        self.next_signal.set(Some(call));
    }
}

impl HearsExit for ChildConnection {
    fn exited(&self, exit: ProcessExit) {
        self.exit.set(Some(exit));
        if let Some(call) = self.next_signal.take() {
            call.cancel();
        }
        // The connection may wait for just that.
        self.look_again();
    }

    /// It is a connection that this side made.
    fn drain(&self) {}

    /// The connection is asked to end, and its end is that of the child.
    fn stop(&self) {}

    fn outlives_reactor(&self) -> bool {
        self.outlives_reactor
    }
}

impl Companion for ChildConnection {
    fn outcome(&self) -> Option<Reason> {
        let exit = self.exit.get()?;
        Some(if exit.is_success() {
            Reason::Done
        } else {
            Reason::failed(exit)
        })
    }

    /// A child that was killed in the middle of its output leaves the same end of input as one that has
    /// said all. Which one it was, the exit tells a moment later: so the end of input waits for it. A child
    /// that has closed its output and lives on has as much time as a close.
    fn input_ended(&self) -> io::Result<()> {
        match (self.exit.get(), self.patience.get()) {
            (Some(exit), _) if exit.signal().is_some() => Err(io::Error::other(exit)),
            (Some(_), _) | (None, Patience::Over) => Ok(()),
            (None, Patience::Waits) => Err(io::ErrorKind::WouldBlock.into()),
            (None, Patience::Fresh) => {
                self.patience.set(Patience::Waits);
                let me = self.me.clone();
                self.clock.call_later(self.linger, move || {
                    if let Some(me) = me.upgrade() {
                        me.patience.set(Patience::Over);
                        me.look_again();
                    }
                });
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
    }

    fn closed(&self, reset: bool) {
        if self.exit.get().is_some() {
            return;
        }
        if reset {
            self.end(Signal::TERM);
        } else {
            self.end_later(Signal::TERM);
        }
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        let is_wanted = wanted == TypeId::of::<ChildProcess>();
        is_wanted.then(|| Rc::new(ChildProcess::new(self.me.clone())) as _)
    }
}
