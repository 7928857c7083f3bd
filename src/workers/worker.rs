mod full;

use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;

use retwist_reactor::{
    Address, Clock, Connector, FactoryRef, IntoFactory, IntoProtocol, IntoTcpListen, ListenError,
    ListeningPort, ReactorHandle, ReactorTcp, TcpConnect, TcpListen, factory,
};
#[cfg(unix)]
use retwist_reactor::{
    AdoptedSocket, IntoUnixListen, PassTarget, ReactorAdoption, ReactorStdio, ReactorUnix,
    StandardIo, StreamSettings, UnixConnect, UnixListen, UnixName,
};
#[cfg(unix)]
use retwist_reactor::{ProcessProtocolRef, ProcessTransport, Program, ReactorProcess, SpawnError};

#[cfg(unix)]
use super::OtherWorkers;
use super::{Balance, Ports};

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
    #[cfg(unix)]
    asked_unix: RefCell<Vec<UnixName>>,
}

impl Worker {
    pub(super) fn alone(reactor: &ReactorHandle, ports: &Ports) -> Self {
        Worker {
            reactor: reactor.clone(),
            number: 0,
            shares: false,
            ports: ports.clone(),
            asked: RefCell::default(),
            #[cfg(unix)]
            asked_unix: RefCell::default(),
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
    /// share it with other programs, say `TcpListen::reuse_port`.
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

    /// Accepts connections on a UNIX socket together with the other workers, as
    /// [`ReactorHandle::listen_unix`] does: all of them accept from one socket.
    #[cfg(unix)]
    #[doc(alias = "listenUNIX")]
    pub fn listen_unix<P: IntoProtocol>(
        &self,
        name: impl IntoUnixListen,
        build: impl Fn(&Address) -> P + 'static,
    ) -> Result<ListeningPort, ListenError> {
        self.listen_unix_factory(name, factory(build))
    }

    /// [`listen_unix`](Worker::listen_unix) with a [`Factory`](retwist_reactor::Factory), or an `Rc`
    /// of one.
    #[cfg(unix)]
    pub fn listen_unix_factory(
        &self,
        name: impl IntoUnixListen,
        factory: impl IntoFactory,
    ) -> Result<ListeningPort, ListenError> {
        self.listen_unix_socket(name.into_unix_listen()?, factory.into_factory())
    }

    /// Takes over connections that other workers pass on, as
    /// [`ReactorHandle::accept_passed`] does, so that they find it among their
    /// [others](Worker::others).
    ///
    /// ```no_run
    /// use retwist::{OtherWorkers, Protocol, TransportRef, Workers, WorkersError};
    ///
    /// struct Session {
    ///     others: OtherWorkers,
    /// }
    ///
    /// impl Protocol for Session {
    ///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
    ///         // A long transfer begins: the worker that has least to do does it.
    ///         if data.starts_with(b"GET ")
    ///             && let Some(worker) = self.others.least_busy()
    ///             && transport.pass_to(&worker, data).is_ok()
    ///         {
    ///             return;
    ///         }
    ///         transport.write(b"here\n");
    ///     }
    /// }
    ///
    /// struct Transfer;
    ///
    /// impl Protocol for Transfer {
    ///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
    ///         transport.write(b"there\n");
    ///     }
    /// }
    ///
    /// fn main() -> Result<(), WorkersError> {
    ///     Workers::new(4).run(|worker| {
    ///         worker.accept_passed(|_| Transfer)?;
    ///         let others = worker.others();
    ///         worker.listen_tcp(8007, move |_| Session { others: others.clone() })?;
    ///         Ok(())
    ///     })
    /// }
    /// ```
    #[cfg(unix)]
    pub fn accept_passed<P: IntoProtocol>(
        &self,
        build: impl Fn(&Address) -> P + 'static,
    ) -> Result<PassTarget, ListenError> {
        self.accept_passed_factory(StreamSettings::default(), factory(build))
    }

    /// [`accept_passed`](Worker::accept_passed) with a [`Factory`](retwist_reactor::Factory), or an `Rc`
    /// of one, and with these bounds of the connections.
    #[cfg(unix)]
    pub fn accept_passed_factory(
        &self,
        settings: StreamSettings,
        factory: impl IntoFactory,
    ) -> Result<PassTarget, ListenError> {
        let target = self.reactor.accept_passed_factory(settings, factory)?;
        self.ports.targets().set(self.number, target.clone());
        Ok(target)
    }

    /// The other workers, to pass connections to: see
    /// [`TransportRef::pass_to`](retwist_reactor::TransportRef::pass_to).
    #[cfg(unix)]
    pub fn others(&self) -> OtherWorkers {
        self.ports.targets().but(self.number)
    }

    /// Options with which all workers can listen: each with a socket of its own, among which the
    /// system shares the connections out, or all with one.
    fn shared(&self, options: TcpListen) -> Result<TcpListen, ListenError> {
        match self.ports.balance() {
            // One that is in use is found when it is opened.
            Balance::ByConnections => Ok(options.balanced()),
            balance => self.shared_by_system(options, balance),
        }
    }

    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    fn shared_by_system(&self, options: TcpListen, _: Balance) -> Result<TcpListen, ListenError> {
        // For port 0 the system chooses one that is free.
        let is_chosen = options.requested_addr().port() == 0;
        // The program that this one replaces may have it still.
        if !is_chosen && !options.reuses_port() && !options.is_handed_over() {
            self.check_free(&options)?;
        }
        Ok(options.reuse_port(true))
    }

    /// This system shares nothing out among several sockets.
    #[cfg(not(any(target_os = "linux", target_os = "freebsd")))]
    fn shared_by_system(
        &self,
        options: TcpListen,
        balance: Balance,
    ) -> Result<TcpListen, ListenError> {
        Ok(match balance {
            Balance::BySystem => options.shared(),
            _ => options.balanced(),
        })
    }

    /// Options for a socket of this worker, which one that replaces it takes over: what waits in its
    /// queue is not lost, and is not given to others either.
    fn own_socket(&self, requested: SocketAddr, before: usize, options: TcpListen) -> TcpListen {
        let has_own = cfg!(any(target_os = "linux", target_os = "freebsd"))
            && self.ports.balance() != Balance::ByConnections;
        if has_own {
            self.ports.own(self.number, requested, before, options)
        } else {
            // The others hold the one socket.
            options
        }
    }

    /// Checks that the port is free. `SO_REUSEPORT` would hide the conflict.
    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    fn check_free(&self, options: &TcpListen) -> Result<(), ListenError> {
        self.reactor
            .listen_tcp(options.clone().max_accepts_on_stop(0), |_| {
                None::<retwist_reactor::ProtocolRef>
            })?
            .stop_listening();
        Ok(())
    }
}

impl ReactorTcp for Worker {
    fn listen(
        &self,
        options: TcpListen,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        if !self.shares {
            let port = self.reactor.listen(options.clone(), factory)?;
            let requested = options.requested_addr();
            self.ports.add(requested, options, port.address());
            return Ok(port);
        }
        let requested = options.requested_addr();
        let same = |asked: &&SocketAddr| **asked == requested;
        let before = self.asked.borrow().iter().filter(same).count();
        let found = self.ports.find(requested, before);
        let is_first = found.is_none();
        let options = match found {
            Some(shared) => shared,
            None => self.shared(options)?,
        };
        let own = self.own_socket(requested, before, options.clone());
        let port = self.reactor.listen(own, factory)?;
        self.asked.borrow_mut().push(requested);
        if is_first {
            self.ports.add(requested, options, port.address());
        }
        Ok(port)
    }

    fn connect(&self, options: TcpConnect, factory: FactoryRef) -> Connector {
        self.reactor.connect(options, factory)
    }

    fn time(&self) -> Clock {
        self.reactor.time()
    }
}

/// Each worker has children of its own.
#[cfg(unix)]
impl ReactorProcess for Worker {
    fn spawn(
        &self,
        program: Program,
        protocol: ProcessProtocolRef,
    ) -> Result<ProcessTransport, SpawnError> {
        self.reactor.spawn(program, protocol)
    }

    fn connect_child(&self, program: Program, factory: FactoryRef) -> Connector {
        self.reactor.connect_child(program, factory)
    }
}

#[cfg(unix)]
impl ReactorAdoption for Worker {
    fn adopt_listener(
        &self,
        socket: AdoptedSocket,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        let port = self.reactor.adopt_listener(socket, factory)?;
        self.ports.add_adopted(port.address());
        Ok(port)
    }
}

#[cfg(unix)]
impl ReactorUnix for Worker {
    fn listen_unix_socket(
        &self,
        options: UnixListen,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        let name = options.requested_name().clone();
        let again = self.asked_unix.borrow().contains(&name);
        let found = self.ports.find_unix(&name);
        let options = match &found {
            // The second port of one worker finds that the name is in use.
            _ if again || !self.shares => options,
            Some(first) => first.clone(),
            None if self.ports.balance() == Balance::BySystem => options.shared(),
            None => options.balanced(),
        };
        let port = self.reactor.listen_unix_socket(options.clone(), factory)?;
        self.asked_unix.borrow_mut().push(name);
        if found.is_none() {
            self.ports.add_unix(options);
        }
        Ok(port)
    }

    fn connect_unix_socket(&self, options: UnixConnect, factory: FactoryRef) -> Connector {
        self.reactor.connect_unix_socket(options, factory)
    }
}

/// There is one standard input: the first worker that asks gets it, and all others an error.
#[cfg(unix)]
impl ReactorStdio for Worker {
    fn listen_standard_io(
        &self,
        options: StandardIo,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        self.reactor.listen_standard_io(options, factory)
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
