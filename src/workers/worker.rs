use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;

use retwist_reactor::{
    Address, Clock, Connector, FactoryRef, ListenError, ListeningPort, ProtocolRef, ReactorHandle,
    ReactorTcp, TcpConnect, TcpListen,
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
    /// [`ReactorHandle::listen_tcp`] does. Port 0 is the same port in all of them. Whoever wants a
    /// port for one worker alone has that of [its reactor](ReactorHandle::handle).
    ///
    /// A port on which somebody else listens is in use, even if that one would share it. If that is
    /// what is wanted, say [`reuse_port`](TcpListen::reuse_port).
    #[doc(alias = "listenTCP")]
    pub fn listen_tcp(
        &self,
        how: impl Into<TcpListen>,
        factory: impl Into<FactoryRef>,
    ) -> Result<ListeningPort, ListenError> {
        self.listen(how.into(), factory.into())
    }

    /// That nobody listens there, which a socket that shares its port is not told.
    fn check_free(&self, how: &TcpListen) -> Result<(), ListenError> {
        let nobody = |_: &Address| None::<ProtocolRef>;
        self.reactor
            .listen_tcp(how.clone(), nobody)?
            .stop_listening();
        Ok(())
    }
}

impl ReactorTcp for Worker {
    fn listen(&self, how: TcpListen, factory: FactoryRef) -> Result<ListeningPort, ListenError> {
        if !self.shares {
            let port = self.reactor.listen(how.clone(), factory)?;
            self.ports.add(how.wanted(), port.address());
            return Ok(port);
        }
        let wanted = how.wanted();
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
