use std::marker::PhantomData;
use std::time::Duration;

use retwist::{Clock, ProtocolRef, Reactor};
use retwist_conformance::streams::{Facts, How, Way};

/// A way over sockets of the system, on one reactor, which differs from others in how the two are connected.
pub struct OnReactor<C> {
    how: How,
    reactor: Reactor,
    connects: PhantomData<C>,
}

/// How the two sides of a connection come to be on one reactor.
pub trait Connects: 'static {
    /// See [`Way::facts`].
    fn facts() -> Facts;

    /// See [`Way::connect`].
    fn connect(reactor: &Reactor, how: &How, client: ProtocolRef, server: ProtocolRef);
}

impl<C: Connects> Way for OnReactor<C> {
    fn facts() -> Facts {
        C::facts()
    }

    fn new(how: How) -> Self {
        OnReactor {
            how,
            reactor: Reactor::new().unwrap(),
            connects: PhantomData,
        }
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        C::connect(&self.reactor, &self.how, client, server);
    }

    fn pass(&self, wait: Duration) {
        self.reactor.iterate(wait).unwrap();
    }

    fn one_pass(&self) {
        self.pass(Duration::ZERO);
    }

    fn clock(&self) -> Clock {
        self.reactor.clock().clone()
    }
}
