use std::fmt;
use std::rc::Rc;

use retwist_deferred::{Resolver, SystemResolver, ThreadPool};
use retwist_reactor::{ReactorHandle, ReactorTcp};

/// What it takes to connect: a reactor, and somebody who knows the addresses of hosts. One is
/// enough for a program; a clone is the same.
#[derive(Clone)]
pub struct Network {
    reactor: Rc<dyn ReactorTcp>,
    resolver: Rc<dyn Resolver>,
}

impl Network {
    /// The network of this reactor. Names are looked up by the system, in threads that are started
    /// when there is a name.
    pub fn new(reactor: &ReactorHandle) -> Self {
        let pool = ThreadPool::new(reactor);
        let resolver = SystemResolver::new(&pool, reactor.clock());
        Network::with(Rc::new(reactor.clone()), Rc::new(resolver))
    }

    /// Any other: a [`MemoryReactor`](retwist_reactor::testing::MemoryReactor), a resolver of one's
    /// own.
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
