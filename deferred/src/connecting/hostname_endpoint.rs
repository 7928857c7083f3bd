use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::{
    ConnectError, Connector, DelayedCall, ProtocolRef, ReactorTcp, StreamSettings, TcpConnect,
};

use super::connect::dial_tcp;
use crate::{Canceller, Deferred, DialError, Dialer, Failure, Promise, Resolver};

/// A TCP port of a host, by name.
///
/// Happy eyeballs, RFC 8305: the addresses are tried in the resolver's order, with the families by
/// turns; if one has not answered in 250 ms, or has failed, the next is tried beside it; the first
/// connection is taken, and the other attempts are given up.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist_deferred::{DialerExt, HostnameEndpoint, SystemResolver, ThreadPool};
/// use retwist_reactor::{Protocol, Reactor, TransportRef};
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
///     println!("{}", outcome.unwrap_err()); // nobody listens on port 1
///     handle.stop().unwrap();
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
    how: How,
}

/// How each address is tried.
#[derive(Clone)]
struct How {
    timeout: Duration,
    bind_address: Option<IpAddr>,
    settings: StreamSettings,
}

impl HostnameEndpoint {
    /// Connects to `port` of `host`, whose addresses `resolver` finds each time.
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
            how: How {
                timeout: Duration::from_secs(30),
                bind_address: None,
                settings: StreamSettings::client(),
            },
        }
    }

    /// How long an attempt has the field for itself. Default 250 ms; RFC 8305 allows 10 ms to 2 s.
    #[doc(alias = "attemptDelay")]
    pub fn stagger(mut self, stagger: Duration) -> Self {
        self.stagger = stagger;
        self
    }

    /// How long each attempt may take. Default 30 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.how.timeout = timeout;
        self
    }

    /// The address of this machine to connect from. Addresses of the other family are not tried.
    #[doc(alias = "bindAddress")]
    pub fn bind_address(mut self, address: IpAddr) -> Self {
        self.how.bind_address = Some(address);
        self
    }

    /// The bounds of the connection.
    pub fn settings(mut self, settings: StreamSettings) -> Self {
        self.how.settings = settings;
        self
    }
}

impl How {
    fn fits(&self, there: &SocketAddr) -> bool {
        let same_family = |here: IpAddr| here.is_ipv4() == there.is_ipv4();
        self.bind_address.is_none_or(same_family)
    }

    fn to(&self, there: SocketAddr) -> TcpConnect {
        let how = TcpConnect::address(there)
            .timeout(self.timeout)
            .settings(self.settings.clone());
        match self.bind_address {
            Some(address) => how.bind_address(SocketAddr::new(address, 0)),
            None => how,
        }
    }
}

impl Dialer for HostnameEndpoint {
    fn connect(&self, protocol: ProtocolRef) -> Deferred<Connector, DialError> {
        let (reactor, stagger, how) = (self.reactor.clone(), self.stagger, self.how.clone());
        self.resolver
            .resolve(&self.host, self.port)
            .map_err(DialError::Resolve)
            .add_callback(move |mut addresses| {
                let mut seen = HashSet::new();
                addresses.retain(|address| how.fits(address) && seen.insert(*address));
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
                    how,
                    field: RefCell::new(Field {
                        waiting: by_turns(addresses),
                        ..Field::default()
                    }),
                });
                *place.borrow_mut() = Some(eyeballs.clone());
                eyeballs.next();
                connected
            })
    }
}

/// One connection, on its way over several addresses.
struct Eyeballs {
    reactor: Rc<dyn ReactorTcp>,
    protocol: ProtocolRef,
    promise: Promise<Connector, DialError>,
    stagger: Duration,
    how: How,
    field: RefCell<Field>,
}

#[derive(Default)]
struct Field {
    /// Not tried yet.
    waiting: VecDeque<SocketAddr>,
    running: Vec<(SocketAddr, Canceller)>,
    failed: Vec<(SocketAddr, Failure<ConnectError>)>,
    /// When the next one is tried.
    timer: Option<DelayedCall>,
    /// One has been taken, or nobody wants any.
    over: bool,
}

impl Eyeballs {
    /// Tries the next address; if there is none, and no attempt either, that was it.
    fn next(self: &Rc<Self>) {
        self.forget_timer();
        let Some(address) = self.field.borrow_mut().waiting.pop_front() else {
            return self.give_up_if_over();
        };
        let attempt = dial_tcp(&*self.reactor, self.how.to(address), self.protocol.clone());
        let canceller = attempt.canceller();
        let mut field = self.field.borrow_mut();
        field.running.push((address, canceller));
        if !field.waiting.is_empty() {
            let me = self.clone();
            let timer = self
                .reactor
                .time()
                .call_later(self.stagger, move || me.next());
            field.timer = Some(timer);
        }
        drop(field);
        let me = self.clone();
        attempt.done(move |outcome| me.ended(address, outcome));
    }

    fn ended(
        self: &Rc<Self>,
        address: SocketAddr,
        outcome: Result<Connector, Failure<ConnectError>>,
    ) {
        {
            let mut field = self.field.borrow_mut();
            if field.over {
                return;
            }
            field.running.retain(|(running, _)| *running != address);
        }
        match outcome {
            Ok(connector) => {
                self.end();
                // Nobody has fired it: it was not over.
                self.promise.callback(connector);
            }
            Err(failure) => {
                self.field.borrow_mut().failed.push((address, failure));
                self.next();
            }
        }
    }

    fn give_up_if_over(&self) {
        let failed = match &mut *self.field.borrow_mut() {
            field if field.running.is_empty() => std::mem::take(&mut field.failed),
            _ => return,
        };
        // Nobody has fired it: it is not over.
        self.promise.errback(DialError::AllFailed(failed));
    }

    /// Gives up all attempts but the one that has ended.
    fn end(&self) {
        self.forget_timer();
        let running = {
            let mut field = self.field.borrow_mut();
            field.over = true;
            std::mem::take(&mut field.running)
        };
        for (_, attempt) in running {
            attempt.cancel();
        }
    }

    fn forget_timer(&self) {
        if let Some(timer) = self.field.borrow_mut().timer.take() {
            // Gone only if it is what calls this.
            let _ = timer.cancel();
        }
    }
}

/// The order in which addresses are tried: the first one's family, the other family, and so on (RFC
/// 8305, section 4).
fn by_turns(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
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
