use std::rc::Rc;

use super::MemoryReactor;
use crate::core::connector::OwnedConnector;
use crate::heart::port::Listening;
use crate::testing::PendingConnection;
use crate::testing::pending_connection::MemoryDialer;
use crate::testing::port::{MemoryPort, Place};
use crate::{
    Connector, DatagramProtocolRef, FactoryRef, ListenError, ListeningPort, ReactorTcp,
    ReactorUnix, ReactorUnixDatagram, UnixConnect, UnixDatagramListen, UnixListen,
};

impl MemoryReactor {
    /// The UNIX sockets that are listened on now, in the order of asking.
    #[doc(alias = "unixServers")]
    pub fn listening_unix(&self) -> Vec<UnixListen> {
        let ports = self.ports.borrow();
        let listening = ports.iter().filter(|port| port.is_listening());
        let unix = listening.filter_map(|port| match port.place() {
            Place::Unix(options) => Some(options.clone()),
            Place::Tcp(..) | Place::StandardIo(_) => None,
        });
        unix.collect()
    }

    /// The connections to UNIX sockets that are being made now, in the order of asking.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// use retwist::testing::MemoryReactor;
    /// # use retwist::{Protocol, TransportRef};
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
    /// # Ok::<(), retwist::ListenError>(())
    /// ```
    #[doc(alias = "unixClients")]
    pub fn connecting_unix(&self) -> Vec<PendingConnection<UnixConnect>> {
        let mut dialled = self.dialled_unix.borrow_mut();
        dialled.retain(PendingConnection::is_pending);
        dialled.clone()
    }

    /// The ports of UNIX datagrams that are open now, in the order of asking. They reach each other by
    /// their names, in memory.
    #[doc(alias = "unixDatagramPorts")]
    pub fn listening_unix_datagrams(&self) -> Vec<UnixDatagramListen> {
        self.unix_datagrams.listening()
    }
}

impl ReactorUnixDatagram for MemoryReactor {
    fn listen_unix_datagrams(
        &self,
        options: UnixDatagramListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        self.unix_datagrams.listen(options, protocol)
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
