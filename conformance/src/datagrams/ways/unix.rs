use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use retwist_reactor::{
    Address, Clock, DatagramProtocolRef, ListenError, ListeningPort, Reactor, ReactorUnixDatagram,
    UnixDatagramListen, UnixName,
};

use crate::datagrams::{Ability, Facts, Open, Way};

/// UNIX sockets, with abstract names where the system has them.
pub struct Unix(Reactor);

impl Unix {
    /// The options of a port that has this name, if it is free to choose one.
    ///
    /// # Panics
    ///
    /// If the address of the port or of its peer is not one of a UNIX socket with a name.
    pub fn options(open: Open, free: impl FnOnce() -> UnixName) -> UnixDatagramListen {
        let name = |address: Address| match address {
            Address::Unix(Some(path)) => UnixName::path(path).expect("a path of a socket"),
            #[cfg(target_os = "linux")]
            Address::UnixAbstract(name) => UnixName::abstract_name(name).expect("a short name"),
            other => panic!("{other} is not the name of a UNIX socket"),
        };
        let mut options = UnixDatagramListen::name(open.at.map_or_else(free, name));
        if let Some(peer) = open.connected_to {
            options = options.connected_to(name(peer));
        }
        if let Some(bytes) = open.max_datagram {
            options = options.max_datagram(bytes);
        }
        options
    }
}

impl Way for Unix {
    fn facts() -> Facts {
        Facts::new(65_535).without(Ability::Broadcast)
    }

    fn new() -> Self {
        Unix(Reactor::new().unwrap())
    }

    fn open(
        &self,
        open: Open,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        self.0
            .listen_unix_datagrams(Unix::options(open, unused), protocol)
    }

    fn pass(&self, wait: Duration) {
        self.0.iterate(wait).unwrap();
    }

    fn clock(&self) -> Clock {
        self.0.clock().clone()
    }
}

/// A name that no other case uses.
fn unused() -> UnixName {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("retwist-datagrams-{}-{count}", std::process::id());
    if cfg!(target_os = "linux") {
        UnixName::parse(&format!("@{name}")).unwrap()
    } else {
        UnixName::path(std::env::temp_dir().join(name)).unwrap()
    }
}
