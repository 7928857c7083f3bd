use std::fmt;
use std::rc::Weak;
use std::time::Duration;

use super::child::Process;
use crate::{
    Address, Clock, DelayedCall, ProcessError, ProcessExit, ProcessProtocol, Signal, TransportRef,
    WeakProcessProtocol, WindowSize,
};

/// A child process, as its protocol and its owner see it: a cheap, weak handle.
///
/// No method calls the protocol. When [`process_ended`](ProcessProtocol::process_ended) has been
/// called, every method does nothing, and says so when asked.
#[doc(alias = "IProcessTransport")]
#[derive(Clone)]
pub struct ProcessTransport {
    process: Weak<Process>,
}

impl ProcessTransport {
    pub(crate) fn new(process: Weak<Process>) -> Self {
        ProcessTransport { process }
    }

    /// Writes to the standard input of the child, or to its terminal:
    /// [`Transport::write`](crate::Transport::write) of that pipe.
    pub fn write(&self, data: &[u8]) {
        self.write_to_child(0, data);
    }

    /// Writes to a pipe that the child reads at this descriptor. Dropped with a warning if there is
    /// no such pipe.
    #[doc(alias = "writeToChild")]
    pub fn write_to_child(&self, descriptor: i32, data: &[u8]) {
        match self.pipe(descriptor) {
            Some(pipe) => pipe.write(data),
            None if self.is_alive() => {
                log::warn!(
                    "a write to descriptor {descriptor} of {self} was dropped: it has no such pipe, or the pipe is closed"
                );
            }
            None => {}
        }
    }

    /// The transport of the pipe at this descriptor of the child, with all that a transport has:
    /// producers, pauses, bounds, and [`switch_protocol`](crate::Transport::switch_protocol) to an
    /// ordinary protocol, such as one for lines. `None` if there is no such pipe, or it is closed. A
    /// terminal is at 0 and at 1, and has one transport for both directions.
    pub fn pipe(&self, descriptor: i32) -> Option<TransportRef> {
        self.process.upgrade()?.pipe(descriptor)
    }

    /// The transport of the standard input: a consumer, for a [`Producer`](crate::Producer) that has
    /// more than fits at once.
    pub fn stdin(&self) -> Option<TransportRef> {
        self.pipe(0)
    }

    /// Closes the standard input of the child once all that was written is sent and a registered
    /// producer has finished: the child sees the end of its input. A terminal has no half-close, and
    /// is closed.
    #[doc(alias = "closeStdin")]
    pub fn close_stdin(&self) {
        self.close_child_descriptor(0);
    }

    /// Closes the standard output of the child, which gets SIGPIPE if it writes more.
    #[doc(alias = "closeStdout")]
    pub fn close_stdout(&self) {
        self.close_child_descriptor(1);
    }

    /// Closes the standard error of the child.
    #[doc(alias = "closeStderr")]
    pub fn close_stderr(&self) {
        self.close_child_descriptor(2);
    }

    /// Closes the pipe at this descriptor of the child: one that it reads when all that was written
    /// is sent, one that it writes at once.
    #[doc(alias = "closeChildFD")]
    pub fn close_child_descriptor(&self, descriptor: i32) {
        if let Some(process) = self.process.upgrade() {
            process.close(Some(descriptor));
        }
    }

    /// Closes all pipes. The child may go on.
    #[doc(alias = "loseConnection")]
    pub fn lose_connection(&self) {
        if let Some(process) = self.process.upgrade() {
            process.close(None);
        }
    }

    /// Sends a signal to the child. What it makes of it is its own affair.
    #[doc(alias = "signalProcess")]
    pub fn signal(&self, signal: Signal) -> Result<(), ProcessError> {
        let process = self.process.upgrade().ok_or(ProcessError::Exited)?;
        process.signal(signal)
    }

    /// The reactor ends, and the child goes on: it is not waited for, and its protocol hears that it was
    /// [left running](crate::ProcessExit::LeftRunning). For one that is asked with `shutting_down`.
    pub(crate) fn leave(&self) {
        if let Some(process) = self.process.upgrade() {
            process.leave();
        }
    }

    /// Ends the child at once, with SIGKILL.
    pub fn kill(&self) -> Result<(), ProcessError> {
        self.signal(Signal::KILL)
    }

    /// Tells the child the new size of its terminal; it gets SIGWINCH.
    pub fn set_window(&self, window: WindowSize) -> Result<(), ProcessError> {
        let process = self.process.upgrade().ok_or(ProcessError::Exited)?;
        process.set_window(window)
    }

    /// Its number. `None` once it has exited: the system may give the number to another process.
    pub fn pid(&self) -> Option<u32> {
        self.process.upgrade()?.pid()
    }

    /// Returns how it has exited. `None` while it runs, and when `process_ended` has been called.
    pub fn exit(&self) -> Option<ProcessExit> {
        self.process.upgrade()?.exit()
    }

    /// Whether it runs: it has been started and has not exited, as far as is known.
    pub fn is_running(&self) -> bool {
        self.pid().is_some()
    }

    /// The program and the number, as an address.
    pub fn address(&self) -> Address {
        let process = self.process.upgrade();
        process.map_or(Address::Unknown, |process| process.address())
    }

    /// Stops reading all pipes that the child writes: it has to wait when they are full. Nothing more
    /// is delivered, not even what has been read already.
    #[doc(alias = "pauseProducing")]
    pub fn pause_producing(&self) {
        if let Some(process) = self.process.upgrade() {
            process.outputs(|pipe| pipe.pause_producing());
        }
    }

    /// Reads the pipes again.
    #[doc(alias = "resumeProducing")]
    pub fn resume_producing(&self) {
        if let Some(process) = self.process.upgrade() {
            process.outputs(|pipe| pipe.resume_producing());
        }
    }

    /// Whether the reactor drains: see [`ReactorHandle::drain`](crate::ReactorHandle::drain).
    pub fn is_draining(&self) -> bool {
        let process = self.process.upgrade();
        process.is_some_and(|process| process.is_draining())
    }

    /// The clock of the reactor.
    pub fn clock(&self) -> Clock {
        match self.process.upgrade() {
            Some(process) => process.clock(),
            None => {
                log::warn!(
                    "a process that has ended was asked for its clock: nothing will be called by the one that it returns"
                );
                Clock::new()
            }
        }
    }

    /// The protocol's name for itself, weak and typed: `process.me(self)`. The argument names the
    /// type. A name of another type than that of the protocol calls nothing.
    pub fn me<P: ProcessProtocol>(&self, protocol: &P) -> WeakProcessProtocol<P> {
        let _ = protocol;
        let held = self.process.upgrade().and_then(|process| process.held());
        WeakProcessProtocol::new(held, self.clone())
    }

    /// Calls a method of the protocol once, `delay` from now:
    /// `process.call_later(delay, self, Self::hurry)`. Nothing is called after
    /// [`process_ended`](ProcessProtocol::process_ended).
    #[doc(alias = "callLater")]
    pub fn call_later<P: ProcessProtocol>(
        &self,
        delay: Duration,
        protocol: &P,
        method: impl FnOnce(&mut P, &ProcessTransport) + 'static,
    ) -> DelayedCall {
        let me = self.me(protocol);
        self.clock().call_later(delay, move || me.call(method))
    }

    /// Whether its protocol has heard `connection_made`, and not yet `process_ended`.
    pub(super) fn is_open(&self) -> bool {
        let process = self.process.upgrade();
        process.is_some_and(|process| process.is_open())
    }

    fn is_alive(&self) -> bool {
        self.process
            .upgrade()
            .is_some_and(|process| !process.is_over())
    }

    /// Makes a call of the protocol's that is not a callback, as if it were one.
    pub(super) fn guard(&self, call: impl FnOnce()) {
        if let Some(process) = self.process.upgrade() {
            process.guard("a call", call);
        }
    }
}

impl fmt::Display for ProcessTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().fmt(f)
    }
}

impl fmt::Debug for ProcessTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessTransport")
            .field("address", &self.address())
            .field("exit", &self.exit())
            .finish_non_exhaustive()
    }
}
