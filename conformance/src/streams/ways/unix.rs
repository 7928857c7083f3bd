use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use retwist_reactor::{Address, Clock, ProtocolRef, Reactor, UnixConnect, UnixListen, UnixName};

use super::Cut;
use crate::streams::{Ability, Facts, How, Way};

/// UNIX sockets, with abstract names where the system has them.
pub struct Unix {
    how: How,
    reactor: Reactor,
}

impl Way for Unix {
    fn facts() -> Facts {
        Facts::new(8_000_000)
            .without(Ability::ShowBreak)
            .without(Ability::BreakAPause)
            .without(Ability::MoveTime)
    }

    fn new(how: How) -> Self {
        Unix {
            how,
            reactor: Reactor::new().unwrap(),
        }
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let once = |protocol| {
            let protocol = Cell::new(Some(Cut::under(protocol, self.how.cut)));
            move |_: &Address| protocol.take()
        };
        let name = unused();
        let listen = UnixListen::name(name.clone()).settings(self.how.server.clone());
        self.reactor.listen_unix(listen, once(server)).unwrap();
        let connect = UnixConnect::name(name).settings(self.how.client.clone());
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

/// A name that no other case uses.
fn unused() -> UnixName {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("retwist-{}-{count}", std::process::id());
    if cfg!(target_os = "linux") {
        UnixName::parse(&format!("@{name}")).unwrap()
    } else {
        UnixName::path(std::env::temp_dir().join(name)).unwrap()
    }
}
