use std::rc::Rc;

use super::MemoryReactor;
use crate::core::connector::{self, OwnedConnector};
use crate::heart::port::Listening;
use crate::testing::PendingConnection;
use crate::testing::pending_connection::MemoryDialer;
use crate::testing::port::{MemoryPort, Place};
use crate::{
    Address, Connector, FactoryRef, IntoFactory, IntoProtocol, IntoUnixConnect, IntoUnixListen,
    ListenError, ListeningPort, ReactorTcp, ReactorUnix, UnixConnect, UnixListen, factory,
};

impl MemoryReactor {
    /// Accepts connections on a UNIX socket: a path, `"@name"` for an abstract name on Linux, or a
    /// [`UnixListen`]. `build` makes the protocol of each connection.
    ///
    /// No socket is opened, and no file is made: [`accept`](MemoryReactor::accept) and
    /// [`complete`](MemoryReactor::complete) make the connections.
    ///
    /// ```
    /// use retwist_reactor::testing::MemoryReactor;
    /// # use retwist_reactor::{Protocol, TransportRef};
    /// # struct Echo;
    /// # impl Protocol for Echo {
    /// #     fn data_received(&mut self, t: &TransportRef, data: &[u8]) { t.write(data) }
    /// # }
    ///
    /// let reactor = MemoryReactor::new();
    /// reactor.listen_unix("/run/echo", |_| Echo)?;
    /// reactor.connect_unix("/run/echo", |_| Echo);
    /// let pending = reactor.connecting_unix().remove(0);
    /// assert!(reactor.complete(&pending).is_some());
    /// # Ok::<(), retwist_reactor::ListenError>(())
    /// ```
    #[doc(alias = "listenUNIX")]
    pub fn listen_unix<P: IntoProtocol>(
        &self,
        name: impl IntoUnixListen,
        build: impl Fn(&Address) -> P + 'static,
    ) -> Result<ListeningPort, ListenError> {
        self.listen_unix_factory(name, factory(build))
    }

    /// [`listen_unix`](MemoryReactor::listen_unix) with a [`Factory`](crate::Factory), or an `Rc` of
    /// one.
    pub fn listen_unix_factory(
        &self,
        name: impl IntoUnixListen,
        factory: impl IntoFactory,
    ) -> Result<ListeningPort, ListenError> {
        self.listen_unix_socket(name.into_unix_listen()?, factory.into_factory())
    }

    /// Connects to a UNIX socket, once [`complete`](MemoryReactor::complete) is called. `build` makes
    /// the protocol of the connection once it is made; it is called again if the [`Connector`]
    /// connects again.
    #[doc(alias = "connectUNIX")]
    pub fn connect_unix<P: IntoProtocol>(
        &self,
        name: impl IntoUnixConnect,
        build: impl Fn(&Address) -> P + 'static,
    ) -> Connector {
        self.connect_unix_factory(name, factory(build))
    }

    /// [`connect_unix`](MemoryReactor::connect_unix) with a [`Factory`](crate::Factory), or an `Rc`
    /// of one, which also hears how it goes.
    pub fn connect_unix_factory(
        &self,
        name: impl IntoUnixConnect,
        factory: impl IntoFactory,
    ) -> Connector {
        match name.into_unix_connect() {
            Ok(options) => self.connect_unix_socket(options, factory.into_factory()),
            Err(error) => connector::failing(error, factory.into_factory(), self.time()),
        }
    }

    /// The UNIX sockets that are listened on now, in the order of asking.
    #[doc(alias = "unixServers")]
    pub fn listening_unix(&self) -> Vec<UnixListen> {
        let ports = self.ports.borrow();
        let listening = ports.iter().filter(|port| port.is_listening());
        let unix = listening.filter_map(|port| match port.place() {
            Place::Unix(options) => Some(options.clone()),
            Place::Tcp(..) => None,
        });
        unix.collect()
    }

    /// The connections to UNIX sockets that are being made now, in the order of asking.
    #[doc(alias = "unixClients")]
    pub fn connecting_unix(&self) -> Vec<PendingConnection<UnixConnect>> {
        let mut dialled = self.dialled_unix.borrow_mut();
        dialled.retain(PendingConnection::is_pending);
        dialled.clone()
    }
}

impl ReactorUnix for MemoryReactor {
    fn listen_unix_socket(
        &self,
        options: UnixListen,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        self.open(MemoryPort::new(Place::Unix(options), factory))
    }

    fn connect_unix_socket(&self, options: UnixConnect, factory: FactoryRef) -> Connector {
        let destination = options.name.address();
        let dialled: &Rc<_> = &self.dialled_unix;
        let dialer = MemoryDialer::new(options, self.time(), dialled);
        OwnedConnector::new(destination, factory, self.time(), dialer).begin()
    }
}
