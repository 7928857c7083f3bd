use std::cell::Cell;
use std::rc::Rc;

use retwist_reactor::{
    ProcessExit, ProcessProtocol, ProcessTransport, Program, ReactorProcess, SpawnError,
};

use super::ProcessFailure;
use crate::{Deferred, Failure, IntoBoxedError, Promise};

/// The output of a program, and how the program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessOutput {
    /// Its standard output.
    pub out: Vec<u8>,
    /// Its standard error.
    pub err: Vec<u8>,
    /// How it ended.
    pub exit: ProcessExit,
}

/// Runs a program, and promises its standard output once it has ended and all its pipes are closed.
/// Its standard input is empty.
///
/// Fails with [`ProcessFailure::Failed`] unless the program exits with the code 0; unlike in
/// Twisted, what it writes to its standard error is no failure. It is killed, and the Deferred fails,
/// if it writes more than `limit` bytes to both together. If the Deferred is cancelled, the program
/// is killed.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist::deferred::process_output;
/// use retwist::{Program, Reactor};
///
/// let reactor = Reactor::new()?;
/// let handle = reactor.handle();
/// let program = Program::new("echo").arg("hello");
/// process_output(&reactor, program, 64 * 1024).done(move |output| {
///     assert_eq!(output.unwrap(), b"hello\n");
///     handle.stop();
/// });
/// reactor.run()?;
/// # Ok(()) }
/// ```
#[doc(alias = "getProcessOutput")]
pub fn process_output(
    reactor: &(impl ReactorProcess + ?Sized),
    program: impl Into<Program>,
    limit: usize,
) -> Deferred<Vec<u8>, ProcessFailure> {
    let all = process_output_and_exit(reactor, program, limit);
    all.add_callback(|output| {
        if output.exit.is_success() {
            Ok(output.out)
        } else {
            Err(Failure::Error(ProcessFailure::Failed(output)))
        }
    })
}

/// Runs a program, and promises all that it says and how it ends, whatever its exit. Otherwise as
/// [`process_output`].
#[doc(alias = "getProcessOutputAndValue")]
pub fn process_output_and_exit(
    reactor: &(impl ReactorProcess + ?Sized),
    program: impl Into<Program>,
    limit: usize,
) -> Deferred<ProcessOutput, ProcessFailure> {
    start(reactor, program.into(), |promise| Collector {
        promise: Some(promise),
        out: Vec::new(),
        err: Vec::new(),
        limit,
    })
}

/// Runs a program, and promises how it ends. Its standard input is empty, and what it says is thrown
/// away. If the Deferred is cancelled, the program is killed.
#[doc(alias = "getProcessValue")]
pub fn process_exit(
    reactor: &(impl ReactorProcess + ?Sized),
    program: impl Into<Program>,
) -> Deferred<ProcessExit, SpawnError> {
    start(reactor, program.into(), |promise| Waiter { promise })
}

/// Starts the program for the protocol that fires the promise. The program ends with the Deferred.
fn start<T: 'static, E: IntoBoxedError + From<SpawnError>, P: ProcessProtocol>(
    reactor: &(impl ReactorProcess + ?Sized),
    program: Program,
    protocol: impl FnOnce(Promise<T, E>) -> P,
) -> Deferred<T, E> {
    let process: Rc<Cell<Option<ProcessTransport>>> = Rc::default();
    let running = process.clone();
    let (promise, deferred) = Deferred::with_canceller(move |promise: &Promise<T, E>| {
        promise.fire(Err(Failure::Cancelled));
        if let Some(process) = running.take() {
            end(&process);
        }
    });
    match reactor.spawn(program, protocol(promise.clone()).into()) {
        Ok(started) => process.set(Some(started)),
        Err(error) => {
            promise.fire(Err(Failure::Error(error.into())));
        }
    }
    deferred
}

/// Kills the program, and lets its pipes go, though a process that it has started may hold them.
fn end(process: &ProcessTransport) {
    process.lose_connection();
    // It may have ended just now.
    let _ = process.kill();
}

/// The reactor has ended before the program did, or the program with it.
fn is_stopped(exit: ProcessExit) -> bool {
    exit == ProcessExit::LeftRunning
}

struct Collector {
    /// `None` once it has fired.
    promise: Option<Promise<ProcessOutput, ProcessFailure>>,
    out: Vec<u8>,
    err: Vec<u8>,
    limit: usize,
}

impl Collector {
    fn add(&mut self, process: &ProcessTransport, data: &[u8], is_error: bool) {
        let Some(promise) = &self.promise else {
            return;
        };
        if self.out.len() + self.err.len() + data.len() > self.limit {
            promise.fire(Err(Failure::Error(ProcessFailure::TooMuch(self.limit))));
            self.promise = None;
            return end(process);
        }
        let place = if is_error {
            &mut self.err
        } else {
            &mut self.out
        };
        place.extend_from_slice(data);
    }
}

impl ProcessProtocol for Collector {
    fn connection_made(&mut self, process: &ProcessTransport) {
        process.close_stdin();
    }

    fn out_received(&mut self, process: &ProcessTransport, data: &[u8]) {
        self.add(process, data, false);
    }

    fn err_received(&mut self, process: &ProcessTransport, data: &[u8]) {
        self.add(process, data, true);
    }

    fn process_ended(&mut self, exit: &ProcessExit) {
        let Some(promise) = self.promise.take() else {
            return;
        };
        promise.fire(if is_stopped(*exit) {
            Err(Failure::ReactorEnded)
        } else {
            Ok(ProcessOutput {
                out: std::mem::take(&mut self.out),
                err: std::mem::take(&mut self.err),
                exit: *exit,
            })
        });
    }
}

struct Waiter {
    promise: Promise<ProcessExit, SpawnError>,
}

impl ProcessProtocol for Waiter {
    fn connection_made(&mut self, process: &ProcessTransport) {
        process.close_stdin();
    }

    fn process_ended(&mut self, exit: &ProcessExit) {
        self.promise.fire(if is_stopped(*exit) {
            Err(Failure::ReactorEnded)
        } else {
            Ok(*exit)
        });
    }
}
