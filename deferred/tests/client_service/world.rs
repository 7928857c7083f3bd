//! A service on a network in memory.

use std::cell::RefCell;
use std::error::Error;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use retwist_deferred::{
    Backoff, ClientService, Deferred, DialError, Dialer, Promise, ServiceState,
};
use retwist_reactor::testing::{MemoryReactor, Pair};
use retwist_reactor::{
    Channel, Connector, FactoryRef, Layer, Protocol, ProtocolRef, ReactorTcp, Reason, Seat,
    TcpConnect, TcpListen, TransportRef,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const ADDRESS: &str = "192.0.2.1:80";

pub(crate) type Preparing = Promise<(), Box<dyn Error>>;

pub(crate) struct Client {
    pub(crate) log: Rc<RefCell<Vec<String>>>,
}

impl Protocol for Client {
    fn connection_made(&mut self, _: &TransportRef) {
        self.log.borrow_mut().push("made".into());
    }

    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}

    fn connection_lost(&mut self, reason: &Reason) {
        self.log.borrow_mut().push(reason.to_string());
    }
}

/// Closes when it is closed, and only then.
pub(crate) struct Server;

impl Protocol for Server {
    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
    fn read_connection_lost(&mut self, _: &TransportRef) {}
}

pub(crate) struct World {
    pub(crate) reactor: Rc<MemoryReactor>,
    pub(crate) service: ClientService<Client>,
    pub(crate) log: Rc<RefCell<Vec<String>>>,
}

/// A way to connect, with a layer.
pub(crate) struct Over<L, D>(L, D);

impl<L: Fn(ProtocolRef) -> ProtocolRef, D: Dialer> Dialer for Over<L, D> {
    fn connect(&self, protocol: ProtocolRef) -> Deferred<Connector, DialError> {
        self.1.connect((self.0)(protocol))
    }
}

/// Negotiates, and never comes to an end.
pub(crate) struct Undecided {
    seat: Seat,
}

impl Channel for Undecided {
    fn seat(&self) -> &Seat {
        &self.seat
    }
}

impl Layer for Undecided {
    fn connection_made(&self) {}
}

pub(crate) fn undecided(above: ProtocolRef) -> ProtocolRef {
    let layer = |seat| Undecided { seat };
    Rc::new_cyclic(|me| layer(Seat::new(me, above))).as_protocol()
}

impl World {
    pub(crate) fn new() -> Self {
        World::over(|protocol| protocol)
    }

    /// One whose connections have a layer under them.
    pub(crate) fn over(layer: impl Fn(ProtocolRef) -> ProtocolRef + 'static) -> Self {
        let reactor = Rc::new(MemoryReactor::new());
        let listen = TcpListen::address(ADDRESS.parse().unwrap());
        reactor.listen_tcp(listen, |_| Server).unwrap();
        let log: Rc<RefCell<Vec<String>>> = Rc::default();
        let connect = TcpConnect::address(ADDRESS.parse().unwrap());
        let network = reactor.clone();
        let dialer = Over(layer, move |factory: FactoryRef| {
            network.connect(connect.clone(), factory)
        });
        let place = log.clone();
        let service = ClientService::new(reactor.clock(), dialer, move || Client {
            log: place.clone(),
        });
        service.set_backoff(Backoff {
            jitter: Duration::ZERO,
            factor: 2.0,
            ..Backoff::default()
        });
        World {
            reactor,
            service,
            log,
        }
    }

    pub(crate) fn succeed(&self) -> Pair {
        let pending = self.reactor.connecting().remove(0);
        let pair = self.reactor.complete(&pending).unwrap();
        pair.run();
        pair
    }

    pub(crate) fn refuse(&self) {
        let error = io::Error::from(io::ErrorKind::ConnectionRefused);
        self.reactor.connecting()[0].fail(error.into());
        self.reactor.clock().run();
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.reactor.clock().advance(time);
    }

    pub(crate) fn state(&self) -> ServiceState {
        self.service.state()
    }

    /// Nothing is under way and nothing is left.
    pub(crate) fn is_over(&self) -> bool {
        self.pass(SECOND * 60);
        self.state() == ServiceState::Stopped
            && self.reactor.connecting().is_empty()
            && self.reactor.clock().pending_calls() == 0
    }
}
