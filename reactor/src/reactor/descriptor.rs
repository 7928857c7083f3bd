use super::{Reactor, ReactorHandle};
use crate::{Channel, DescriptorStream, OpenError, ProtocolRef, TransportRef, descriptor};

impl ReactorHandle {
    /// Makes a stream of descriptors that the program has: pipes, FIFOs, a serial port, a terminal, a
    /// socket, files. The protocol hears [`connection_made`](crate::Protocol::connection_made) in the
    /// next turn.
    ///
    /// The transport that is returned is the one that the protocol is handed: with it, other code can
    /// write to the stream and close it.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::Read;
    /// use std::time::Duration;
    /// use retwist::{DescriptorStream, Protocol, Reactor};
    ///
    /// struct Silent;
    /// impl Protocol for Silent {}
    ///
    /// let (mut reader, writer) = std::io::pipe()?;
    /// let reactor = Reactor::new()?;
    /// let transport = reactor.open_descriptors(DescriptorStream::writing(writer), Silent)?;
    /// transport.write(b"all that there is to say");
    /// transport.lose_connection();
    /// // One pass tells the protocol, and the next one sends and closes.
    /// for _ in 0..2 {
    ///     reactor.iterate(Duration::ZERO)?;
    /// }
    /// let mut heard = String::new();
    /// reader.read_to_string(&mut heard)?;
    /// assert_eq!(heard, "all that there is to say");
    /// # Ok(()) }
    /// ```
    ///
    /// What a stream of descriptors can do depends on what they are:
    ///
    /// - [`lose_write_connection`](crate::Transport::lose_write_connection) closes the descriptor that
    ///   is written to. Of a single descriptor that is a socket it shuts down one half; any other
    ///   single descriptor cannot show an end.
    /// - An abort throws away what was not sent. The peer sees a broken connection only on TCP; the
    ///   reader of a pipe sees the end of input.
    /// - If the last reader of a pipe goes while nothing is to be sent, the protocol hears
    ///   [`write_connection_lost`](crate::Protocol::write_connection_lost) and goes on reading. Bytes
    ///   that are written to it then, or were on their way, end the stream with an error.
    /// - A file never has to wait. It is read in pieces, between which other connections have their
    ///   turn, and it is written by the loop itself.
    ///
    /// `O_NONBLOCK` of a descriptor that other processes share is left alone where that is possible,
    /// and taken back otherwise.
    ///
    /// An error closes the descriptors, and the protocol is dropped unheard.
    #[doc(alias = "FileDescriptor")]
    #[doc(alias = "SerialPort")]
    pub fn open_descriptors(
        &self,
        stream: DescriptorStream,
        protocol: impl Into<ProtocolRef>,
    ) -> Result<TransportRef, OpenError> {
        ReactorDescriptors::open_stream(self, stream, protocol.into())
    }
}

/// The part of a reactor that makes streams of descriptors: a [`Reactor`](crate::Reactor).
pub trait ReactorDescriptors {
    /// See [`ReactorHandle::open_descriptors`].
    fn open_stream(
        &self,
        stream: DescriptorStream,
        protocol: ProtocolRef,
    ) -> Result<TransportRef, OpenError>;
}

impl ReactorDescriptors for ReactorHandle {
    fn open_stream(
        &self,
        stream: DescriptorStream,
        protocol: ProtocolRef,
    ) -> Result<TransportRef, OpenError> {
        let core = self.open_core().map_err(|_| OpenError::ReactorGone)?;
        let stream = descriptor::open(&core, stream, protocol, None)?;
        Ok(stream.seat().transport())
    }
}

impl ReactorDescriptors for Reactor {
    fn open_stream(
        &self,
        stream: DescriptorStream,
        protocol: ProtocolRef,
    ) -> Result<TransportRef, OpenError> {
        self.handle.open_stream(stream, protocol)
    }
}
