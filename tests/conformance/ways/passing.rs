use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use retwist::{Address, Clock, ProtocolRef, Reactor, UnixConnect, UnixListen, UnixName};
use retwist_conformance::streams::{Cut, Facts, How, Unix, Way};

/// UNIX sockets whose ends both accept descriptors: each read and each write is another system call
/// then.
pub struct UnixPassing {
    how: How,
    reactor: Reactor,
}

impl Way for UnixPassing {
    fn facts() -> Facts {
        Unix::facts()
    }

    fn new(how: How) -> Self {
        UnixPassing {
            how,
            reactor: Reactor::new().unwrap(),
        }
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let once = |protocol| {
            let protocol = Cell::new(Some(Cut::under(protocol, self.how.cut)));
            move |_: &Address| protocol.take()
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("retwist-passing-{}-{count}", std::process::id());
        let name = UnixName::path(std::env::temp_dir().join(name)).unwrap();
        let listen = UnixListen::name(name.clone()).settings(self.how.server.clone());
        let listen = listen.accept_descriptors(4);
        self.reactor.listen_unix(listen, once(server)).unwrap();
        let connect = UnixConnect::name(name).settings(self.how.client.clone());
        let connect = connect.accept_descriptors(4);
        self.reactor.connect_unix(connect, once(client));
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
