use std::fmt;
use std::rc::Rc;

use retwist_deferred::{Resolver, SystemResolver, ThreadPool};
use retwist_reactor::{ReactorHandle, ReactorTcp};

/// A reactor with a resolver of host names: what a client needs to connect. One is enough for a
/// program. Clones are the same network.
#[derive(Clone)]
pub struct Network {
    reactor: Rc<dyn ReactorTcp>,
    resolver: Rc<dyn Resolver>,
}

impl Network {
    /// The network of this reactor. The system looks names up, in threads that start when there is a
    /// name.
    pub fn new(reactor: &ReactorHandle) -> Self {
        let pool = ThreadPool::new(reactor);
        let resolver = SystemResolver::new(&pool, reactor.clock());
        Network::with(Rc::new(reactor.clone()), Rc::new(resolver))
    }

    /// A network of other parts: a [`MemoryReactor`](retwist_reactor::testing::MemoryReactor), or a
    /// resolver of one's own.
    pub fn with(reactor: Rc<dyn ReactorTcp>, resolver: Rc<dyn Resolver>) -> Self {
        Network { reactor, resolver }
    }

    /// Its reactor.
    pub fn reactor(&self) -> Rc<dyn ReactorTcp> {
        self.reactor.clone()
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
