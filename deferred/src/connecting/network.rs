use std::fmt;
use std::rc::Rc;

use retwist_reactor::{
    Address, AddressError, Connector, FullReactor, IntoFactory, IntoProtocol, ReactorHandle,
    factory,
};

use crate::{
    AsyncTransport, Deferred, DialError, DialerExt, HostnameEndpoint, IntoHostPort, Resolver,
    SystemResolver, ThreadPool,
};

/// A reactor with a resolver of host names: connects to `"example.org:25"` and
/// `("example.org", 25)`, where the reactor alone connects to addresses.
///
/// One is enough for a program. Clones are the same network.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist::deferred::{Network, Reconnecting};
/// use retwist::{Protocol, Reactor, TransportRef, factory};
///
/// struct Client;
/// impl Protocol for Client {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         transport.write(b"hello\r\n");
///     }
/// }
///
/// let reactor = Reactor::new()?;
/// let network = Network::new(&reactor);
/// network.connect_tcp("localhost:8007", |_| Client)?;
/// network.connect_tcp_factory(("localhost", 8007), Reconnecting::new(factory(|_| Client)))?;
/// # reactor.stop();
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Network {
    reactor: Rc<dyn FullReactor>,
    resolver: Rc<dyn Resolver>,
    pool: ThreadPool,
}

impl Network {
    /// The network of this reactor. The system looks names up, in threads that start when there is a
    /// name.
    pub fn new(reactor: &ReactorHandle) -> Self {
        let pool = ThreadPool::new(reactor);
        let resolver = SystemResolver::new(&pool, reactor.clock());
        Network {
            reactor: Rc::new(reactor.clone()),
            resolver: Rc::new(resolver),
            pool,
        }
    }

    /// A network of other parts: a [`MemoryReactor`](retwist_reactor::testing::MemoryReactor), a host of
    /// a simulation, or a resolver of one's own.
    pub fn with(reactor: Rc<dyn FullReactor>, resolver: Rc<dyn Resolver>) -> Self {
        let pool = ThreadPool::new(&*reactor);
        Network {
            reactor,
            resolver,
            pool,
        }
    }

    /// A dialer for a port of a host, whose options can be set. Fails if the text has no port, or
    /// cannot be read.
    pub fn host(&self, to: impl IntoHostPort) -> Result<HostnameEndpoint, AddressError> {
        let to = to.into_host_port()?;
        let (reactor, resolver) = (self.reactor.clone(), self.resolver.clone());
        let (host, port) = (to.host().to_owned(), to.port());
        Ok(HostnameEndpoint::new(reactor, resolver, host, port))
    }

    /// Connects over TCP to a host. `build` makes the protocol of the connection once it is made; it
    /// is called again if the [`Connector`] connects again. The name is looked up for each
    /// connection.
    #[doc(alias = "connectTCP")]
    pub fn connect_tcp<P: IntoProtocol>(
        &self,
        to: impl IntoHostPort,
        build: impl Fn(&Address) -> P + 'static,
    ) -> Result<Connector, AddressError> {
        self.connect_tcp_factory(to, factory(build))
    }

    /// [`connect_tcp`](Network::connect_tcp) with a [`Factory`](retwist_reactor::Factory), or an `Rc`
    /// of one, which also hears of failures and of the end:
    /// [`Reconnecting`](crate::Reconnecting), for example.
    pub fn connect_tcp_factory(
        &self,
        to: impl IntoHostPort,
        factory: impl IntoFactory,
    ) -> Result<Connector, AddressError> {
        Ok(self.host(to)?.connect_factory(factory))
    }

    /// Connects to a host, for async code. Cancelling the Deferred, or dropping it while it is
    /// awaited, ends the attempt.
    pub fn connect(&self, to: impl IntoHostPort) -> Deferred<AsyncTransport, DialError> {
        match self.host(to) {
            Ok(host) => host.open(),
            Err(error) => Deferred::fail(DialError::Address(error)),
        }
    }

    /// Its reactor, with all that a program asks of one.
    pub fn reactor(&self) -> Rc<dyn FullReactor> {
        self.reactor.clone()
    }

    /// Threads for work that blocks.
    pub fn pool(&self) -> ThreadPool {
        self.pool.clone()
    }

    /// Its resolver.
    pub fn resolver(&self) -> Rc<dyn Resolver> {
        self.resolver.clone()
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}
