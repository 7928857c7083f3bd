use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;

use retwist_reactor::{
    Address, Clock, Connector, FactoryRef, IntoFactory, IntoProtocol, IntoTcpListen, ListenError,
    ListeningPort, ProtocolRef, ReactorHandle, ReactorTcp, TcpConnect, TcpListen, factory,
};

use super::Ports;

/// One of several [`Workers`](super::Workers), while it is set up: its reactor, to which this
/// dereferences, and the ports that it shares with the others.
///
/// An endpoint [listens](crate::endpoint::ServerEndpoint::listen) on it as on a reactor.
pub struct Worker {
    reactor: ReactorHandle,
    number: usize,
    /// Whether there are others.
    shares: bool,
    ports: Ports,
    /// What it has listened on so far, as it was asked for.
    asked: RefCell<Vec<SocketAddr>>,
}

impl Worker {
    pub(super) fn alone(reactor: &ReactorHandle, ports: &Ports) -> Self {
        Worker {
            reactor: reactor.clone(),
            number: 0,
            shares: false,
            ports: ports.clone(),
            asked: RefCell::default(),
        }
    }

    pub(super) fn one_of_several(reactor: &ReactorHandle, number: usize, ports: &Ports) -> Self {
        Worker {
            number,
            shares: true,
            ..Worker::alone(reactor, ports)
        }
    }

    /// Which one it is, from 0.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Accepts connections on a TCP port together with the other workers, as
    /// [`ReactorHandle::listen_tcp`] does. Port 0 is the same port in all of them. For a port of one
    /// worker alone, use that of [its reactor](ReactorHandle::handle).
    ///
    /// If another program listens on the port it is in use, even if that program would share it. To
    /// share it with other programs, say [`reuse_port`](TcpListen::reuse_port).
    #[doc(alias = "listenTCP")]
    pub fn listen_tcp<P: IntoProtocol>(
        &self,
        address: impl IntoTcpListen,
        build: impl Fn(&Address) -> P + 'static,
    ) -> Result<ListeningPort, ListenError> {
        self.listen_tcp_factory(address, factory(build))
    }

    /// [`listen_tcp`](Worker::listen_tcp) with a [`Factory`](retwist_reactor::Factory), or an `Rc`
    /// of one.
    pub fn listen_tcp_factory(
        &self,
        address: impl IntoTcpListen,
        factory: impl IntoFactory,
    ) -> Result<ListeningPort, ListenError> {
        self.listen(address.into_tcp_listen()?, factory.into_factory())
    }

    /// That nobody listens there, which a socket that shares its port is not told.
    fn check_free(&self, how: &TcpListen) -> Result<(), ListenError> {
        self.reactor
            .listen_tcp(how.clone(), |_| None::<ProtocolRef>)?
            .stop_listening();
        Ok(())
    }
}

impl ReactorTcp for Worker {
    fn listen(&self, how: TcpListen, factory: FactoryRef) -> Result<ListeningPort, ListenError> {
        if !self.shares {
            let port = self.reactor.listen(how.clone(), factory)?;
            self.ports.add(how.requested_addr(), port.address());
            return Ok(port);
        }
        let wanted = how.requested_addr();
        let same = |asked: &&SocketAddr| **asked == wanted;
        let before = self.asked.borrow().iter().filter(same).count();
        let found = self.ports.find(wanted, before);
        let how = match found {
            Some(port) => how.on_port(port),
            None => {
                // The system gives nobody a port 0 that is taken.
                if wanted.port() != 0 && !how.reuses_port() {
                    self.check_free(&how)?;
                }
                how
            }
        };
        let port = self.reactor.listen(how.reuse_port(true), factory)?;
        self.asked.borrow_mut().push(wanted);
        if found.is_none() {
            self.ports.add(wanted, port.address());
        }
        Ok(port)
    }

    fn connect(&self, how: TcpConnect, factory: FactoryRef) -> Connector {
        self.reactor.connect(how, factory)
    }

    fn time(&self) -> Clock {
        self.reactor.time()
    }
}

impl Deref for Worker {
    type Target = ReactorHandle;

    fn deref(&self) -> &ReactorHandle {
        &self.reactor
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
