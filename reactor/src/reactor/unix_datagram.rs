use super::{Reactor, ReactorHandle};
use crate::unix::datagram;
use crate::{
    DatagramProtocolRef, IntoUnixDatagram, ListenError, ListeningPort, UnixDatagramListen,
};

impl ReactorHandle {
    /// Opens a port of UNIX datagrams under a name: a path, `"@name"` for an abstract name on Linux, or
    /// as a [`UnixDatagramListen`] says. The port is open when this returns, and its protocol hears
    /// [`start_protocol`](crate::DatagramProtocol::start_protocol) in the next turn.
    ///
    /// A receiver that is full makes a datagram wait, in order, and one that has gone is told: to
    /// [`send_failed`](crate::DatagramProtocol::send_failed) with
    /// [`SendError::NoReceiver`](crate::SendError::NoReceiver), or on a connected port to
    /// [`connection_refused`](crate::DatagramProtocol::connection_refused).
    ///
    /// See [`ReactorUnixDatagram`] for code that is to run on a recording reactor too.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use retwist::{Address, DatagramProtocol, DatagramTransport, Reactor};
    /// # use std::os::unix::net::UnixDatagram;
    ///
    /// struct Log;
    /// impl DatagramProtocol for Log {
    ///     fn datagram_received(&mut self, _: &DatagramTransport, line: &[u8], from: &Address) {
    ///         println!("{from}: {}", String::from_utf8_lossy(line));
    ///     }
    /// }
    ///
    /// # let folder = std::env::temp_dir();
    /// let path = folder.join(format!("log-{}", std::process::id()));
    /// let reactor = Reactor::new()?;
    /// let port = reactor.listen_unix_datagram(&path, Log)?;
    /// UnixDatagram::unbound()?.send_to(b"hello", &path)?;
    /// reactor.iterate(std::time::Duration::ZERO)?;
    /// port.stop_listening();
    /// assert!(!path.exists());
    /// # Ok(()) }
    /// ```
    #[doc(alias = "listenUNIXDatagram")]
    pub fn listen_unix_datagram(
        &self,
        name: impl IntoUnixDatagram,
        protocol: impl Into<DatagramProtocolRef>,
    ) -> Result<ListeningPort, ListenError> {
        self.listen_unix_datagrams(name.into_named()?, protocol.into())
    }

    /// Opens a port of UNIX datagrams that is connected to the one of this name, and has no name of its
    /// own; or as a [`UnixDatagramListen`] says. The peer need not be there yet.
    #[doc(alias = "connectUNIXDatagram")]
    pub fn connect_unix_datagram(
        &self,
        peer: impl IntoUnixDatagram,
        protocol: impl Into<DatagramProtocolRef>,
    ) -> Result<ListeningPort, ListenError> {
        self.listen_unix_datagrams(peer.into_connected()?, protocol.into())
    }
}

/// The part of a reactor that opens ports of UNIX datagrams: a [`Reactor`], or a
/// [`MemoryReactor`](crate::testing::MemoryReactor), whose ports are joined in memory.
#[doc(alias = "IReactorUNIXDatagram")]
pub trait ReactorUnixDatagram {
    /// See [`ReactorHandle::listen_unix_datagram`] and [`ReactorHandle::connect_unix_datagram`].
    fn listen_unix_datagrams(
        &self,
        options: UnixDatagramListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError>;
}

impl ReactorUnixDatagram for ReactorHandle {
    fn listen_unix_datagrams(
        &self,
        options: UnixDatagramListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        datagram::listen(&self.open_core()?, options, protocol)
    }
}

impl ReactorUnixDatagram for Reactor {
    fn listen_unix_datagrams(
        &self,
        options: UnixDatagramListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        self.handle.listen_unix_datagrams(options, protocol)
    }
}
