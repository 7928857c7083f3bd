use super::{Reactor, ReactorHandle};
use crate::{
    Channel, FactoryRef, ListenError, ListeningPort, OpenError, ProtocolRef, StandardIo,
    TransportRef, stdio,
};

impl ReactorHandle {
    /// Makes a stream of standard input and output: pipes, files, a terminal, sockets. The protocol
    /// hears [`connection_made`](crate::Protocol::connection_made) in the next turn, and
    /// [`read_connection_lost`](crate::Protocol::read_connection_lost) when standard input is at its
    /// end.
    ///
    /// ```no_run
    /// # use retwist_reactor as retwist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use retwist::{Protocol, Reactor, ReactorHandle, Reason, StandardIo, TransportRef};
    ///
    /// /// Does what `tr a-z A-Z` does.
    /// struct Upper(ReactorHandle);
    ///
    /// impl Protocol for Upper {
    ///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
    ///         transport.write(&data.to_ascii_uppercase());
    ///     }
    ///
    ///     fn connection_lost(&mut self, _: &Reason) {
    ///         self.0.stop();
    ///     }
    /// }
    ///
    /// let reactor = Reactor::new()?;
    /// reactor.open_standard_io(StandardIo::new(), Upper(reactor.handle()))?;
    /// reactor.run()?;
    /// # Ok(()) }
    /// ```
    ///
    /// It is a [stream of descriptors](ReactorHandle::open_descriptors) with these rules of its own:
    ///
    /// - Other processes share what these descriptors are: the shell its terminal, other commands of
    ///   the same pipeline its pipes. The stream leaves no `O_NONBLOCK` behind, and gives a terminal
    ///   its [mode](crate::Terminal::set_raw) back.
    /// - A half-close and a close show the other end of a pipe that this was all: from then on, the
    ///   descriptor is `/dev/null` for all code of this process, which may go on to print. A terminal
    ///   stays open.
    /// - Standard output that takes nothing more (its reader has gone, the disk is full) ends the
    ///   stream with the error, as soon as something is written.
    /// - One stream at a time has them: [`OpenError::InUse`]. Meanwhile no other code should read
    ///   standard input, and what it prints comes between what the stream writes.
    ///
    /// A descriptor that was closed when the program started is `/dev/null`: the standard library of
    /// Rust opens it so.
    #[doc(alias = "StandardIO")]
    pub fn open_standard_io(
        &self,
        options: StandardIo,
        protocol: impl Into<ProtocolRef>,
    ) -> Result<TransportRef, OpenError> {
        let core = self.open_core().map_err(|_| OpenError::ReactorGone)?;
        let stream = stdio::open(&core, &options, protocol.into())?;
        Ok(stream.seat().transport())
    }
}

/// The part of a reactor that serves standard input and output as it serves a port: a
/// [`Reactor`](crate::Reactor), or a [`MemoryReactor`](crate::testing::MemoryReactor).
pub trait ReactorStdio {
    /// Accepts one connection, which is
    /// [standard input and output](ReactorHandle::open_standard_io). The port listens until that has
    /// ended.
    #[doc(alias = "StandardIOEndpoint")]
    fn listen_standard_io(
        &self,
        options: StandardIo,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError>;
}

impl ReactorStdio for ReactorHandle {
    fn listen_standard_io(
        &self,
        options: StandardIo,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        stdio::listen(&self.open_core()?, options, factory)
    }
}

impl ReactorStdio for Reactor {
    fn listen_standard_io(
        &self,
        options: StandardIo,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        self.handle.listen_standard_io(options, factory)
    }
}
