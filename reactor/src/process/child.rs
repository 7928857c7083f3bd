use std::cell::{Cell, OnceCell, RefCell};
use std::rc::{Rc, Weak};

use super::held::{Event, HeldProcess};
use crate::core::sources::Served;
use crate::heart::channel::Channel;
use crate::heart::draining::Draining;
use crate::values::panic::{catch_panic, log_panic};
use crate::{
    Address, Clock, ProcessError, ProcessExit, ProcessProtocolRef, ProcessTransport, Reason,
    Signal, TransportRef, WindowSize,
};

/// A child process that has a [`ProcessProtocol`](crate::ProcessProtocol).
///
/// What is evil here: a child ends in several pieces, and in any order. It exits, and each of its pipes
/// closes by itself: long before the exit, or long after it if another process has inherited the pipe.
/// So the process counts, and the last piece is its end:
///
/// ```text
///            begins    exits     last pipe closes
/// Starting   Running   -         -
/// Running              Exited    Silent
/// Silent               Over
/// Exited                         Over
/// ```
///
/// Each pipe is a stream of its own, with a protocol that passes on what comes
/// ([`PipeEnd`](super::pipe::PipeEnd)) and an owner that hears of its end. So pauses, producers, bounds
/// and the way of a close are those of every stream. What watches for the exit and each pipe own the
/// process; all handles are weak.
///
/// Invariant: the protocol is called here and nowhere else, and the first call is `connection_made`.
pub(crate) struct Process {
    me: Weak<Process>,
    clock: Clock,
    grip: OnceCell<Box<dyn Grip>>,
    /// `None` once it has heard `process_ended`.
    protocol: RefCell<Option<ProcessProtocolRef>>,
    pipes: RefCell<Vec<Pipe>>,
    open_pipes: Cell<usize>,
    exit: Cell<Option<ProcessExit>>,
    has_begun: Cell<bool>,
    is_over: Cell<bool>,
    /// A callback has panicked: the child is not told anything more, and is to end.
    has_panicked: Cell<bool>,
    asked: Cell<Asked>,
    draining: Draining,
    /// A drain waits for it.
    served: RefCell<Option<Served>>,
    outlives_reactor: bool,
}

/// What can be done to the child itself, in whatever world it lives.
pub(crate) trait Grip {
    fn pid(&self) -> u32;
    fn address(&self) -> Address;
    fn signal(&self, signal: Signal) -> Result<(), ProcessError>;
    fn set_window(&self, window: WindowSize) -> Result<(), ProcessError>;
    /// The child goes on by itself, and is watched no more.
    fn leave(&self) {}
}

/// What the protocol was asked with `shutting_down`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Nothing,
    ToDrain,
    ToEnd,
}

/// A pipe of the child, as long as it is open.
struct Pipe {
    descriptor: i32,
    direction: Direction,
    /// Whatever protocol sits on it: the application may have put another one there.
    channel: Weak<dyn Channel>,
}

/// Which way the bytes of a pipe go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// The child reads them.
    ToChild,
    /// The child writes them.
    FromChild,
    /// A terminal.
    Both,
}

impl Process {
    pub(crate) fn new(
        clock: Clock,
        draining: Draining,
        protocol: ProcessProtocolRef,
        outlives: bool,
    ) -> Rc<Self> {
        Rc::new_cyclic(|me| Process {
            me: me.clone(),
            clock,
            grip: OnceCell::new(),
            protocol: RefCell::new(Some(protocol)),
            pipes: RefCell::default(),
            open_pipes: Cell::new(0),
            exit: Cell::new(None),
            has_begun: Cell::new(false),
            is_over: Cell::new(false),
            has_panicked: Cell::new(false),
            asked: Cell::new(Asked::Nothing),
            draining,
            served: RefCell::default(),
            outlives_reactor: outlives,
        })
    }

    /// The child runs. Its protocol hears so in the next turn.
    pub(crate) fn started(&self, grip: impl Grip + 'static) {
        let _ = self.grip.set(Box::new(grip));
        if let Some(me) = self.me.upgrade() {
            self.clock.call_soon(move || me.begin());
        }
    }

    /// A drain waits for it, until it exits.
    pub(crate) fn is_served(&self, served: Served) {
        *self.served.borrow_mut() = Some(served);
    }

    /// The child was started, and could not be used: its protocol hears nothing at all.
    pub(crate) fn withdraw(&self) {
        self.is_over.set(true);
        self.served.take();
        let protocol = self.protocol.take();
        log_panic("the drop of a process protocol", || drop(protocol));
        for pipe in self.transports(|_| true) {
            pipe.abort_connection();
        }
    }

    pub(crate) fn add_pipe(
        &self,
        descriptor: i32,
        direction: Direction,
        channel: Weak<dyn Channel>,
    ) {
        self.open_pipes.set(self.open_pipes.get() + 1);
        self.pipes.borrow_mut().push(Pipe {
            descriptor,
            direction,
            channel,
        });
    }

    pub(crate) fn transport(&self) -> ProcessTransport {
        ProcessTransport::new(self.me.clone())
    }

    // What happens, in a turn of the loop.

    pub(crate) fn begin(&self) {
        if !self.has_begun.replace(true) {
            self.tell(Event::Made);
        }
    }

    pub(crate) fn data(&self, descriptor: i32, data: &[u8]) {
        self.begin();
        if !self.has_panicked.get() {
            self.call("child_data_received", |held, process| {
                held.deliver(process, descriptor, data);
            });
        }
    }

    pub(crate) fn pipe_lost(&self, descriptor: i32, reason: &Reason) {
        self.begin();
        let pipe = {
            let mut pipes = self.pipes.borrow_mut();
            let index = pipes.iter().position(|pipe| pipe.descriptor == descriptor);
            index.map(|index| pipes.remove(index))
        };
        drop(pipe);
        self.open_pipes.set(self.open_pipes.get() - 1);
        self.tell(Event::PipeLost(descriptor, reason.clone()));
        self.end_if_over();
    }

    pub(crate) fn exited(&self, exit: ProcessExit) {
        self.begin();
        self.served.take();
        self.exit.set(Some(exit));
        self.tell(Event::Exited(exit));
        // A terminal may have waited for it.
        for pipe in self.channels(|pipe| pipe.direction == Direction::Both) {
            pipe.seat().wants_turn();
        }
        self.end_if_over();
    }

    /// The reactor drains, or is asked to end. What watches for the exit says so, and each pipe.
    pub(crate) fn stop(&self) {
        self.begin();
        let asked = if self.is_draining() {
            Asked::ToDrain
        } else {
            Asked::ToEnd
        };
        if self.asked.get() < asked {
            self.asked.set(asked);
            self.tell(Event::ShuttingDown);
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.is_on()
    }

    pub(crate) fn outlives_reactor(&self) -> bool {
        self.outlives_reactor
    }

    fn end_if_over(&self) {
        let Some(exit) = self.exit.get().filter(|_| self.open_pipes.get() == 0) else {
            return;
        };
        if self.is_over.replace(true) {
            return;
        }
        self.call("process_ended", |held, process| {
            held.tell(Event::Ended(exit), process);
        });
        let protocol = self.protocol.take();
        log_panic("the drop of a process protocol", || drop(protocol));
    }

    fn tell(&self, event: Event) {
        if !self.has_panicked.get() {
            self.call("a callback", |held, process| held.tell(event, process));
        }
    }

    fn call(&self, what: &str, call: impl FnOnce(Rc<dyn HeldProcess>, &ProcessTransport)) {
        if let Some(held) = self.held() {
            self.guard(what, || call(held, &self.transport()));
        }
    }

    /// A panic costs the child, and nothing else.
    pub(super) fn guard(&self, what: &str, call: impl FnOnce()) {
        let Err(message) = catch_panic(call) else {
            return;
        };
        log::error!(
            "{what} of the protocol of {} panicked: {message}",
            self.address()
        );
        if self.is_over.get() {
            return;
        }
        self.has_panicked.set(true);
        for pipe in self.transports(|_| true) {
            pipe.abort_connection();
        }
        if let Err(error) = self.signal(Signal::KILL)
            && !matches!(error, ProcessError::Exited)
        {
            log::warn!("{} cannot be killed: {error}", self.address());
        }
    }

    // What is asked for.

    pub(super) fn held(&self) -> Option<Rc<dyn HeldProcess>> {
        let protocol = self.protocol.borrow();
        protocol.as_ref().map(|protocol| protocol.0.clone())
    }

    pub(super) fn pipe(&self, descriptor: i32) -> Option<TransportRef> {
        let is_it = |pipe: &Pipe| {
            pipe.descriptor == descriptor || pipe.direction == Direction::Both && descriptor == 0
        };
        self.transports(is_it).pop()
    }

    fn channels(&self, wanted: impl Fn(&Pipe) -> bool) -> Vec<Rc<dyn Channel>> {
        let pipes = self.pipes.borrow();
        let wanted = pipes.iter().filter(|pipe| wanted(pipe));
        wanted.filter_map(|pipe| pipe.channel.upgrade()).collect()
    }

    fn transports(&self, wanted: impl Fn(&Pipe) -> bool) -> Vec<TransportRef> {
        let channels = self.channels(wanted).into_iter();
        channels.map(|channel| channel.seat().transport()).collect()
    }

    /// Closes the pipe at this descriptor, or all.
    pub(super) fn close(&self, descriptor: Option<i32>) {
        let is_it = |pipe: &Pipe| {
            descriptor.is_none_or(|number| {
                number == pipe.descriptor || pipe.direction == Direction::Both && number == 0
            })
        };
        for pipe in self.transports(|pipe| is_it(pipe) && pipe.direction == Direction::FromChild) {
            // Nothing was written, so there is nothing to wait for.
            pipe.abort_connection();
        }
        for pipe in self.transports(|pipe| is_it(pipe) && pipe.direction != Direction::FromChild) {
            pipe.lose_connection();
        }
    }

    pub(super) fn outputs(&self, each: impl Fn(&TransportRef)) {
        let outputs = self.transports(|pipe| pipe.direction != Direction::ToChild);
        outputs.iter().for_each(each);
    }

    pub(super) fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        self.grip()?.signal(signal)
    }

    pub(super) fn set_window(&self, window: WindowSize) -> Result<(), ProcessError> {
        self.grip()?.set_window(window)
    }

    pub(super) fn leave(&self) {
        if let Ok(grip) = self.grip() {
            grip.leave();
        }
    }

    /// The grip on the child, as long as it runs.
    fn grip(&self) -> Result<&dyn Grip, ProcessError> {
        match self.grip.get() {
            Some(grip) if self.exit.get().is_none() => Ok(&**grip),
            _ => Err(ProcessError::Exited),
        }
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.grip().ok().map(Grip::pid)
    }

    pub(super) fn exit(&self) -> Option<ProcessExit> {
        self.exit.get().filter(|_| !self.is_over())
    }

    pub(super) fn is_running(&self) -> bool {
        self.exit.get().is_none() && !self.is_over()
    }

    pub(super) fn address(&self) -> Address {
        match self.grip.get() {
            Some(grip) => grip.address(),
            None => Address::Unknown,
        }
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    pub(super) fn is_open(&self) -> bool {
        self.has_begun.get() && !self.is_over()
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.get()
    }
}

impl Drop for Process {
    /// The reactor has ended without a turn for it.
    fn drop(&mut self) {
        let protocol = self.protocol.take();
        log_panic("the drop of a process protocol", || drop(protocol));
    }
}
