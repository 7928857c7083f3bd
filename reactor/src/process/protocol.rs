use crate::{ProcessExit, ProcessTransport, Reason};

/// The application's side of a child process: callbacks for its output, the ends of its pipes, its exit.
///
/// The order is fixed: [`connection_made`](ProcessProtocol::connection_made); then anything; then
/// [`process_ended`](ProcessProtocol::process_ended), exactly once, as the last. It comes when the
/// child has exited *and* all its pipes are closed, so all output has come by then.
/// [`process_exited`](ProcessProtocol::process_exited) comes at the exit itself, before or after the
/// last output. They are far apart if the child has left a pipe to a process of its own.
///
/// All methods have defaults. The reactor calls them, one at a time and never from inside a method of
/// the [`ProcessTransport`]. A panic in one of them is logged, closes the pipes and kills the child.
///
/// ```
/// # use retwist_reactor as retwist;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist::{ProcessExit, ProcessProtocol, ProcessTransport, Program, Reactor, ReactorHandle};
///
/// struct Count {
///     bytes: usize,
///     reactor: ReactorHandle,
/// }
///
/// impl ProcessProtocol for Count {
///     fn connection_made(&mut self, process: &ProcessTransport) {
///         process.write(b"twelve bytes");
///         process.close_stdin();
///     }
///
///     fn out_received(&mut self, _: &ProcessTransport, data: &[u8]) {
///         self.bytes += data.len();
///     }
///
///     fn process_ended(&mut self, exit: &ProcessExit) {
///         assert!(exit.is_success());
///         assert_eq!(self.bytes, 12);
///         self.reactor.stop();
///     }
/// }
///
/// let reactor = Reactor::new()?;
/// let count = Count { bytes: 0, reactor: reactor.handle() };
/// reactor.spawn_process(Program::new("cat"), count)?;
/// reactor.run()?;
/// # Ok(()) }
/// ```
#[doc(alias = "IProcessProtocol")]
#[allow(unused_variables, reason = "the names are documentation")]
pub trait ProcessProtocol: 'static {
    /// The child runs. Called once, before everything else, in the turn after
    /// [`spawn_process`](crate::ReactorHandle::spawn_process).
    #[doc(alias = "connectionMade")]
    #[doc(alias = "makeConnection")]
    fn connection_made(&mut self, process: &ProcessTransport) {}

    /// The child has written to its standard output, or to its terminal.
    #[doc(alias = "outReceived")]
    fn out_received(&mut self, process: &ProcessTransport, data: &[u8]) {}

    /// The child has written to its standard error.
    #[doc(alias = "errReceived")]
    fn err_received(&mut self, process: &ProcessTransport, data: &[u8]) {}

    /// The child has written to this descriptor of its own. Unless overridden, 1 goes to
    /// [`out_received`](ProcessProtocol::out_received) and 2 to
    /// [`err_received`](ProcessProtocol::err_received), and what comes from others is thrown away.
    #[doc(alias = "childDataReceived")]
    fn child_data_received(&mut self, process: &ProcessTransport, descriptor: i32, data: &[u8]) {
        match descriptor {
            1 => self.out_received(process, data),
            2 => self.err_received(process, data),
            _ => {}
        }
    }

    /// The standard input of the child is closed, by this side or by the child.
    #[doc(alias = "inConnectionLost")]
    fn in_connection_lost(&mut self, process: &ProcessTransport) {}

    /// The standard output of the child is closed: its output is complete. Or the child has left its
    /// terminal.
    #[doc(alias = "outConnectionLost")]
    fn out_connection_lost(&mut self, process: &ProcessTransport) {}

    /// The standard error of the child is closed.
    #[doc(alias = "errConnectionLost")]
    fn err_connection_lost(&mut self, process: &ProcessTransport) {}

    /// The pipe at this descriptor of the child is closed. The reason is [`Reason::Done`] if this side
    /// closed what the child reads, or the child what it writes; an error ("broken pipe") if the child
    /// closed what it reads; and [`Reason::Aborted`] if this side closed what the child writes. Unless overridden, 0, 1 and 2 go to
    /// [`in_connection_lost`](ProcessProtocol::in_connection_lost),
    /// [`out_connection_lost`](ProcessProtocol::out_connection_lost) and
    /// [`err_connection_lost`](ProcessProtocol::err_connection_lost).
    #[doc(alias = "childConnectionLost")]
    fn child_connection_lost(
        &mut self,
        process: &ProcessTransport,
        descriptor: i32,
        reason: &Reason,
    ) {
        match descriptor {
            0 => self.in_connection_lost(process),
            1 => self.out_connection_lost(process),
            2 => self.err_connection_lost(process),
            _ => {}
        }
    }

    /// The child has exited, and its status is taken. Its pipes may still hold output, or be open in
    /// a process that it has started: [`lose_connection`](ProcessTransport::lose_connection) here
    /// waits for neither.
    #[doc(alias = "processExited")]
    fn process_exited(&mut self, process: &ProcessTransport, exit: &ProcessExit) {}

    /// The reactor is about to end. Unless overridden, the pipes are closed
    /// ([`lose_connection`](ProcessTransport::lose_connection)), which most programs take as the
    /// request to end. A protocol that overrides this may send a signal. A child that still runs
    /// after [`shutdown_timeout`](crate::ReactorSettings::shutdown_timeout) is killed, unless it
    /// [outlives the reactor](crate::Program::outlives_reactor).
    ///
    /// If the reactor [drains](crate::ReactorHandle::drain) first, this is called when that begins, with
    /// [`is_draining`](ProcessTransport::is_draining) true, and again if the child still runs when it is
    /// over. The drain waits for the child, which unless overridden goes on with its work. A child
    /// without an end of its own is asked to end here.
    fn shutting_down(&mut self, process: &ProcessTransport) {
        if !process.is_draining() {
            process.lose_connection();
        }
    }

    /// The child has exited, and all its pipes are closed. Called once, as the last.
    #[doc(alias = "processEnded")]
    fn process_ended(&mut self, exit: &ProcessExit) {}
}
