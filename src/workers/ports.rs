use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use retwist_reactor::{Address, TcpListen};
#[cfg(unix)]
use retwist_reactor::{UnixListen, UnixName};

/// The ports that workers share, in the order in which they were opened. A clone is the same.
#[derive(Clone, Default)]
pub(super) struct Ports {
    opened: Arc<Mutex<Vec<Opened>>>,
}

enum Opened {
    Tcp {
        /// The address that was asked for, perhaps with port 0.
        requested: SocketAddr,
        /// With these the other workers listen too.
        options: TcpListen,
        /// The address that it got.
        address: Address,
    },
    #[cfg(unix)]
    Unix(UnixListen),
    /// A socket that was given: each worker has its own descriptor of it.
    #[cfg(unix)]
    Adopted(Address),
}

impl Opened {
    fn address(&self) -> Address {
        match self {
            Opened::Tcp { address, .. } => address.clone(),
            #[cfg(unix)]
            Opened::Unix(options) => options.requested_name().into(),
            #[cfg(unix)]
            Opened::Adopted(address) => address.clone(),
        }
    }
}

impl Ports {
    /// The options for the port that was opened for `requested`: where several were, the one after
    /// `before` others.
    pub(super) fn find(&self, wanted: SocketAddr, before: usize) -> Option<TcpListen> {
        let opened = self.opened();
        let mut those = opened.iter().filter_map(|port| match port {
            Opened::Tcp {
                requested,
                options,
                address,
            } if *requested == wanted => Some(options.clone().on_port(address.port()?)),
            _ => None,
        });
        those.nth(before)
    }

    pub(super) fn add(&self, requested: SocketAddr, options: TcpListen, address: Address) {
        self.opened().push(Opened::Tcp {
            requested,
            options,
            address,
        });
    }

    /// The options with which the first worker listens under this name.
    #[cfg(unix)]
    pub(super) fn find_unix(&self, name: &UnixName) -> Option<UnixListen> {
        let opened = self.opened();
        let mut those = opened.iter().filter_map(|port| match port {
            Opened::Unix(options) if options.requested_name() == name => Some(options.clone()),
            _ => None,
        });
        those.next()
    }

    #[cfg(unix)]
    pub(super) fn add_unix(&self, options: UnixListen) {
        self.opened().push(Opened::Unix(options));
    }

    /// Another worker may have told of the same socket.
    #[cfg(unix)]
    pub(super) fn add_adopted(&self, address: Address) {
        let mut opened = self.opened();
        let is_known = |port: &Opened| matches!(port, Opened::Adopted(known) if *known == address);
        if !opened.iter().any(is_known) {
            opened.push(Opened::Adopted(address));
        }
    }

    /// Returns a closure that calls `call` for each port.
    pub(super) fn announcing(self, mut call: Box<dyn FnMut(&Address)>) -> impl FnOnce() {
        move || {
            let opened = std::mem::take(&mut *self.opened());
            opened.iter().for_each(|port| call(&port.address()));
        }
    }

    fn opened(&self) -> MutexGuard<'_, Vec<Opened>> {
        // No code of the application runs under the lock.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
