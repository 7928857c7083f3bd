use super::{Reactor, ReactorHandle};
use crate::testing::MemoryReactor;
use crate::{
    Address, Connector, FactoryRef, IntoFactory, IntoProtocol, ProcessProtocolRef,
    ProcessTransport, Program, SpawnError, factory, process,
};

/// How a program runs other programs, on each type of reactor: as `tcp_methods` has it for TCP.
macro_rules! process_methods {
    ($($reactor:ty),*) => {$(
        impl $reactor {
            /// Starts a program as a child: a path, or a [`Program`]. The protocol hears what the child
            /// writes, and how it ends. The example is at
            /// [`ProcessProtocol`](crate::ProcessProtocol).
            ///
            /// The program runs when this returns; what keeps it from running is the error. The loop
            /// stands still meanwhile: for less than a millisecond, if the disk does not delay it.
            ///
            /// See [`ReactorProcess`] for code that is to run on a recording reactor too.
            #[doc(alias = "spawnProcess")]
            pub fn spawn_process(
                &self,
                program: impl Into<Program>,
                protocol: impl Into<ProcessProtocolRef>,
            ) -> Result<ProcessTransport, SpawnError> {
                self.spawn(program.into(), protocol.into())
            }

            /// Starts a program as a child that is the peer of an ordinary protocol: what is written goes
            /// to its standard input, and its standard output is what arrives. TLS, lines and all layers
            /// work over it.
            ///
            /// The end of the child's output is told when the child has exited, or does not exit for
            /// [`linger_timeout`](crate::StreamSettings::linger_timeout): not at all if a signal has ended
            /// it, since its output may be cut off.
            ///
            /// `build` makes the protocol once the program runs, in a later turn than this one. The
            /// connection ends when both directions are closed and the child has exited, or does not
            /// exit for [`linger_timeout`](crate::StreamSettings::linger_timeout). Unless the child has
            /// exited with the code 0, the reason of the end is its
            /// [`ProcessExit`](crate::ProcessExit). A child that still runs when its connection has ended
            /// is ended too: see [`Program::kill_after`].
            ///
            /// [`ChildProcess::of`](crate::ChildProcess::of) gives the process of such a transport.
            ///
            /// ```
            /// # use retwist_reactor as retwist;
            /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
            /// use retwist::{Program, Protocol, Reactor, ReactorHandle, Reason, TransportRef};
            ///
            /// struct Ask {
            ///     answer: Vec<u8>,
            ///     reactor: ReactorHandle,
            /// }
            ///
            /// impl Protocol for Ask {
            ///     fn connection_made(&mut self, transport: &TransportRef) {
            ///         transport.write(b"b\na\n");
            ///         transport.lose_write_connection();
            ///     }
            ///     fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
            ///         self.answer.extend_from_slice(data);
            ///     }
            ///     fn connection_lost(&mut self, reason: &Reason) {
            ///         assert!(reason.is_clean());
            ///         assert_eq!(self.answer, b"a\nb\n");
            ///         self.reactor.stop();
            ///     }
            /// }
            ///
            /// let reactor = Reactor::new()?;
            /// let handle = reactor.handle();
            /// reactor.connect_process(Program::new("sort"), move |_| Ask {
            ///     answer: Vec::new(),
            ///     reactor: handle.clone(),
            /// });
            /// reactor.run()?;
            /// # Ok(()) }
            /// ```
            #[doc(alias = "ProcessEndpoint")]
            #[doc(alias = "StandardErrorBehavior")]
            pub fn connect_process<P: IntoProtocol>(
                &self,
                program: impl Into<Program>,
                build: impl Fn(&Address) -> P + 'static,
            ) -> Connector {
                self.connect_process_factory(program, factory(build))
            }

            /// [`connect_process`](ReactorHandle::connect_process) with a
            /// [`Factory`](crate::Factory), or an `Rc` of one, which also hears how it goes.
            pub fn connect_process_factory(
                &self,
                program: impl Into<Program>,
                factory: impl IntoFactory,
            ) -> Connector {
                self.connect_child(program.into(), factory.into_factory())
            }
        }
    )*};
}

process_methods!(ReactorHandle, MemoryReactor);

/// The part of a reactor that runs other programs: a [`Reactor`], or a
/// [`MemoryReactor`](crate::testing::MemoryReactor) that records what was asked for.
#[doc(alias = "IReactorProcess")]
pub trait ReactorProcess {
    /// See [`ReactorHandle::spawn_process`].
    fn spawn(
        &self,
        program: Program,
        protocol: ProcessProtocolRef,
    ) -> Result<ProcessTransport, SpawnError>;

    /// See [`ReactorHandle::connect_process`].
    fn connect_child(&self, program: Program, factory: FactoryRef) -> Connector;
}

impl ReactorProcess for ReactorHandle {
    fn spawn(
        &self,
        program: Program,
        protocol: ProcessProtocolRef,
    ) -> Result<ProcessTransport, SpawnError> {
        process::spawn(self, &program, protocol)
    }

    fn connect_child(&self, program: Program, factory: FactoryRef) -> Connector {
        process::connect(self, program, factory)
    }
}

impl ReactorProcess for Reactor {
    fn spawn(
        &self,
        program: Program,
        protocol: ProcessProtocolRef,
    ) -> Result<ProcessTransport, SpawnError> {
        self.handle.spawn(program, protocol)
    }

    fn connect_child(&self, program: Program, factory: FactoryRef) -> Connector {
        self.handle.connect_child(program, factory)
    }
}
