use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::{
    Address, ConnectError, Connector, DelayedCall, IntoFactory, ProtocolRef, ReactorTcp,
    StreamSettings, TcpConnect,
};

use super::connect::dial_tcp;
use crate::{Canceller, Deferred, DialError, Dialer, DialerExt, Failure, Promise, Resolver};

/// A dialer for a TCP port of a host, by name.
///
/// Happy eyeballs, RFC 8305: the addresses are tried in the resolver's order, with the families in
/// turn. If an attempt fails, or has no answer within 250 ms, the next one begins beside it. The
/// first connection wins, and ends the other attempts.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist::deferred::{DialerExt, HostnameEndpoint, SystemResolver, ThreadPool};
/// use retwist::{Protocol, Reactor, TransportRef};
/// use std::rc::Rc;
///
/// struct Client;
/// impl Protocol for Client {
///     fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
/// }
///
/// let reactor = Reactor::new()?;
/// let pool = ThreadPool::new(&reactor);
/// let resolver = Rc::new(SystemResolver::new(&pool, reactor.clock()));
/// let endpoint = HostnameEndpoint::new(Rc::new(reactor.handle()), resolver, "localhost", 1);
/// let handle = reactor.handle();
/// endpoint.connect_to(Client).done(move |outcome| {
///     println!("{}", outcome.unwrap_err()); // port 1 is closed
///     handle.stop();
/// });
/// reactor.run()?;
/// # Ok(()) }
/// ```
pub struct HostnameEndpoint {
    reactor: Rc<dyn ReactorTcp>,
    resolver: Rc<dyn Resolver>,
    host: String,
    port: u16,
    stagger: Duration,
    options: AttemptOptions,
}

/// The options of each attempt.
#[derive(Clone)]
struct AttemptOptions {
    timeout: Duration,
    bind_address: Option<IpAddr>,
    settings: StreamSettings,
}

impl HostnameEndpoint {
    /// A dialer for `port` of `host`. `resolver` finds the addresses for each connection anew.
    pub fn new(
        reactor: Rc<dyn ReactorTcp>,
        resolver: Rc<dyn Resolver>,
        host: impl Into<String>,
        port: u16,
    ) -> Self {
        HostnameEndpoint {
            reactor,
            resolver,
            host: host.into(),
            port,
            stagger: Duration::from_millis(250),
            options: AttemptOptions {
                timeout: Duration::from_secs(30),
                bind_address: None,
                settings: StreamSettings::client(),
            },
        }
    }

    /// The time between the starts of two attempts. Default 250 ms; RFC 8305 allows 10 ms to 2 s.
    #[doc(alias = "attemptDelay")]
    pub fn stagger(mut self, stagger: Duration) -> Self {
        self.stagger = stagger;
        self
    }

    /// The time limit of each attempt. Default 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// The address of this machine to connect from. Addresses of the other family are skipped.
    #[doc(alias = "bindAddress")]
    pub fn bind_address(mut self, address: IpAddr) -> Self {
        self.options.bind_address = Some(address);
        self
    }

    /// Sets the bounds of the connection.
    pub fn settings(mut self, settings: StreamSettings) -> Self {
        self.options.settings = settings;
        self
    }

    /// Connects the protocols of a factory, which hears what a client's factory hears, and may
    /// connect again. The name is looked up for each connection.
    #[doc(alias = "connectTCP")]
    pub fn connect_factory(self, factory: impl IntoFactory) -> Connector {
        let destination = Address::Host(self.host.as_str().into(), self.port);
        let clock = self.reactor.time();
        DialerExt::connect_factory(self, destination, &clock, factory)
    }
}

impl AttemptOptions {
    fn fits(&self, there: &SocketAddr) -> bool {
        let same_family = |here: IpAddr| here.is_ipv4() == there.is_ipv4();
        self.bind_address.is_none_or(same_family)
    }

    fn to(&self, there: SocketAddr) -> TcpConnect {
        let connect = TcpConnect::address(there)
            .timeout(self.timeout)
            .settings(self.settings.clone());
        match self.bind_address {
            Some(address) => connect.bind_address(SocketAddr::new(address, 0)),
            None => connect,
        }
    }
}

impl Dialer for HostnameEndpoint {
    fn connect(&self, protocol: ProtocolRef) -> Deferred<Connector, DialError> {
        let (reactor, stagger, options) =
            (self.reactor.clone(), self.stagger, self.options.clone());
        self.resolver
            .resolve(&self.host, self.port)
            .map_err(DialError::Resolve)
            .add_callback(move |mut addresses| {
                let mut seen = HashSet::new();
                addresses.retain(|address| options.fits(address) && seen.insert(*address));
                let place: Rc<RefCell<Option<Rc<Eyeballs>>>> = Rc::default();
                let (promise, connected) = Deferred::with_canceller({
                    let place = place.clone();
                    move |_| {
                        if let Some(eyeballs) = place.take() {
                            eyeballs.end();
                        }
                    }
                });
                let eyeballs = Rc::new(Eyeballs {
                    reactor,
                    protocol,
                    promise,
                    stagger,
                    options,
                    attempts: RefCell::new(Attempts {
                        pending: interleaved(addresses),
                        ..Attempts::default()
                    }),
                });
                *place.borrow_mut() = Some(eyeballs.clone());
                eyeballs.next();
                connected
            })
    }
}

/// One connection that is being made, with attempts at several addresses.
struct Eyeballs {
    reactor: Rc<dyn ReactorTcp>,
    protocol: ProtocolRef,
    promise: Promise<Connector, DialError>,
    stagger: Duration,
    options: AttemptOptions,
    attempts: RefCell<Attempts>,
}

#[derive(Default)]
struct Attempts {
    /// The addresses that have not been tried.
    pending: VecDeque<SocketAddr>,
    running: Vec<(SocketAddr, Canceller)>,
    failed: Vec<(SocketAddr, Failure<ConnectError>)>,
    /// Begins the next attempt.
    timer: Option<DelayedCall>,
    /// There is a connection, or the whole was cancelled.
    over: bool,
}

impl Eyeballs {
    /// Begins the next attempt. Fails if there is no address left, and no attempt is running.
    fn next(self: &Rc<Self>) {
        self.forget_timer();
        let Some(address) = self.attempts.borrow_mut().pending.pop_front() else {
            return self.fail_if_over();
        };
        let attempt = dial_tcp(
            &*self.reactor,
            self.options.to(address),
            self.protocol.clone(),
        );
        let canceller = attempt.canceller();
        let mut attempts = self.attempts.borrow_mut();
        attempts.running.push((address, canceller));
        if !attempts.pending.is_empty() {
            let me = self.clone();
            let timer = self
                .reactor
                .time()
                .call_later(self.stagger, move || me.next());
            attempts.timer = Some(timer);
        }
        drop(attempts);
        let me = self.clone();
        attempt.done(move |outcome| me.ended(address, outcome));
    }

    fn ended(
        self: &Rc<Self>,
        address: SocketAddr,
        outcome: Result<Connector, Failure<ConnectError>>,
    ) {
        {
            let mut attempts = self.attempts.borrow_mut();
            if attempts.over {
                return;
            }
            attempts.running.retain(|(running, _)| *running != address);
        }
        match outcome {
            Ok(connector) => {
                self.end();
                self.promise.fire(Ok(connector));
            }
            Err(failure) => {
                self.attempts.borrow_mut().failed.push((address, failure));
                self.next();
            }
        }
    }

    fn fail_if_over(&self) {
        let failed = match &mut *self.attempts.borrow_mut() {
            attempts if attempts.running.is_empty() => std::mem::take(&mut attempts.failed),
            _ => return,
        };
        self.promise.fire(Err(DialError::AllFailed(failed).into()));
    }

    /// Ends all attempts that are still running.
    fn end(&self) {
        self.forget_timer();
        let running = {
            let mut attempts = self.attempts.borrow_mut();
            attempts.over = true;
            std::mem::take(&mut attempts.running)
        };
        for (_, attempt) in running {
            attempt.cancel();
        }
    }

    fn forget_timer(&self) {
        if let Some(timer) = self.attempts.borrow_mut().timer.take() {
            timer.cancel();
        }
    }
}

/// The order of the attempts: the family of the first address and the other one in turn (RFC 8305,
/// section 4).
fn interleaved(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv4() == first_is_v4);
    let mut second = second.into_iter();
    let mut order = VecDeque::new();
    for address in first {
        order.push_back(address);
        order.extend(second.next());
    }
    order.extend(second);
    order
}

impl fmt::Debug for HostnameEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostnameEndpoint")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
