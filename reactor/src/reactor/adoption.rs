use super::{Reactor, ReactorHandle};
use crate::socket::Family;
use crate::testing::MemoryReactor;
use crate::{
    Address, AdoptError, AdoptedSocket, DatagramProtocolRef, FactoryRef, IntoFactory, IntoProtocol,
    ListenError, ListeningPort, ProtocolRef, TransportRef, factory, tcp, udp, unix,
};

/// How a program takes over ports, on each type of reactor.
macro_rules! adoption_methods {
    ($($reactor:ty),*) => {$(
        impl $reactor {
            /// Accepts connections on a socket that listens already, TCP or UNIX: one that another
            /// program opened and passed on, such as a service manager or the process that this one
            /// replaces. `build` makes the protocol of each connection from the address of its peer.
            ///
            /// The port owns the socket, and closes it when it stops; it cannot listen again then. The
            /// file of a UNIX socket is left alone.
            ///
            /// ```
            /// # use retwist_reactor as retwist;
            /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
            /// # use retwist::{Protocol, Reactor, TransportRef};
            /// # struct Echo;
            /// # impl Protocol for Echo {
            /// #     fn data_received(&mut self, t: &TransportRef, data: &[u8]) { t.write(data) }
            /// # }
            /// let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
            /// let reactor = Reactor::new()?;
            /// let port = reactor.adopt_stream_port(socket, |_| Echo)?;
            /// println!("listening on {}", port.address());
            /// # Ok(()) }
            /// ```
            #[doc(alias = "adoptStreamPort")]
            pub fn adopt_stream_port<P: IntoProtocol>(
                &self,
                socket: impl Into<AdoptedSocket>,
                build: impl Fn(&Address) -> P + 'static,
            ) -> Result<ListeningPort, ListenError> {
                self.adopt_stream_port_factory(socket, factory(build))
            }

            /// [`adopt_stream_port`](ReactorHandle::adopt_stream_port) with a
            /// [`Factory`](crate::Factory), or an `Rc` of one.
            pub fn adopt_stream_port_factory(
                &self,
                socket: impl Into<AdoptedSocket>,
                factory: impl IntoFactory,
            ) -> Result<ListeningPort, ListenError> {
                self.adopt_listener(socket.into(), factory.into_factory())
            }
        }
    )*};
}

adoption_methods!(ReactorHandle, MemoryReactor);

impl ReactorHandle {
    /// Makes a connection of a socket that is connected already, TCP or UNIX: one that was accepted
    /// elsewhere, came as a passed descriptor, or is half of a pair. The protocol hears
    /// [`connection_made`](crate::Protocol::connection_made) in the next turn.
    ///
    /// The transport that is returned is the one that the protocol is handed. No factory takes part:
    /// none is started, and none is stopped at the end.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use retwist::{Protocol, Reactor, TransportRef};
    /// # struct Echo;
    /// # impl Protocol for Echo {
    /// #     fn data_received(&mut self, t: &TransportRef, data: &[u8]) { t.write(data) }
    /// # }
    /// let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    /// let reactor = Reactor::new()?;
    /// let transport = reactor.adopt_stream_connection(ours, Echo)?;
    /// # Ok(()) }
    /// ```
    #[doc(alias = "adoptStreamConnection")]
    pub fn adopt_stream_connection(
        &self,
        socket: impl Into<AdoptedSocket>,
        protocol: impl Into<ProtocolRef>,
    ) -> Result<TransportRef, AdoptError> {
        let core = self.open_core().map_err(|_| AdoptError::ReactorGone)?;
        let given = socket.into();
        match given.connection()? {
            (Family::Ip, socket, peer) => {
                tcp::adopt_connection(&core, given, (socket, peer), protocol.into())
            }
            (Family::Unix, socket, _) => {
                unix::adopt_connection(&core, given, socket, protocol.into())
            }
        }
    }

    /// Makes a port of a socket for datagrams that is bound already, UDP or UNIX, for one protocol,
    /// which hears [`start_protocol`](crate::DatagramProtocol::start_protocol) in the next turn.
    ///
    /// The port owns the socket, and closes it when it stops; it cannot be opened again then. The
    /// file of a UNIX socket is left alone.
    #[doc(alias = "adoptDatagramPort")]
    pub fn adopt_datagram_port(
        &self,
        socket: impl Into<AdoptedSocket>,
        protocol: impl Into<DatagramProtocolRef>,
    ) -> Result<ListeningPort, ListenError> {
        let (core, given) = (self.open_core()?, socket.into());
        let (longest, protocol) = (given.max_datagram, protocol.into());
        match given.datagrams()? {
            (Family::Ip, socket) => udp::adopt(&core, socket, longest, protocol),
            (Family::Unix, socket) => unix::datagram::adopt(&core, socket, longest, protocol),
        }
    }
}

/// The part of a reactor that takes over ports which others have opened: a [`Reactor`], or a
/// [`MemoryReactor`], whose port is at the same address in memory.
#[doc(alias = "IReactorSocket")]
pub trait ReactorAdoption {
    /// See [`ReactorHandle::adopt_stream_port`].
    fn adopt_listener(
        &self,
        socket: AdoptedSocket,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError>;
}

impl ReactorAdoption for ReactorHandle {
    fn adopt_listener(
        &self,
        given: AdoptedSocket,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        let core = self.open_core()?;
        match given.listener()? {
            (Family::Ip, socket) => tcp::adopt_listener(&core, given, socket, factory),
            (Family::Unix, socket) => unix::adopt_listener(&core, given, socket, factory),
        }
    }
}

impl ReactorAdoption for Reactor {
    fn adopt_listener(
        &self,
        socket: AdoptedSocket,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        self.handle.adopt_listener(socket, factory)
    }
}
