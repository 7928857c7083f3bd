use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use retwist_reactor::{Address, TcpListen};
#[cfg(unix)]
use retwist_reactor::{UnixListen, UnixName};

use super::Balance;
#[cfg(unix)]
use super::others::Targets;

/// The ports that workers share, in the order in which they were opened. A clone is the same.
#[derive(Clone, Default)]
pub(super) struct Ports {
    opened: Arc<Mutex<Vec<Opened>>>,
    /// The sockets of single workers that their successors take over, if there are to be any.
    kept: Option<Arc<Mutex<Vec<Kept>>>>,
    #[cfg(unix)]
    targets: Targets,
    balance: Balance,
}

/// A socket that outlives its worker.
struct Kept {
    worker: usize,
    requested: SocketAddr,
    options: TcpListen,
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
    /// The same, shared out in this way.
    pub(super) fn balanced(self, balance: Balance) -> Self {
        Ports { balance, ..self }
    }

    pub(super) fn balance(&self) -> Balance {
        self.balance
    }

    /// Where the workers take connections that others pass on.
    #[cfg(unix)]
    pub(super) fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Those of workers that are replaced.
    pub(super) fn keeping() -> Self {
        Ports {
            kept: Some(Arc::default()),
            ..Ports::default()
        }
    }

    /// The options for the socket of one worker alone, which the worker before it in its place may have
    /// left; they are `shared`, if there is none. Of several ports with one address it is the one after
    /// `before` others.
    pub(super) fn own(
        &self,
        worker: usize,
        requested: SocketAddr,
        before: usize,
        shared: TcpListen,
    ) -> TcpListen {
        let Some(kept) = &self.kept else {
            return shared;
        };
        let mut kept = lock(kept);
        let mut left = kept
            .iter()
            .filter(|left| left.worker == worker && left.requested == requested);
        if let Some(left) = left.nth(before) {
            return left.options.clone();
        }
        let options = shared.kept();
        kept.push(Kept {
            worker,
            requested,
            options: options.clone(),
        });
        options
    }

    /// Workers are no longer replaced: sockets end with their ports.
    pub(super) fn release(&self) {
        if let Some(kept) = &self.kept {
            let left = std::mem::take(&mut *lock(kept));
            for left in left {
                left.options.release();
            }
        }
    }

    /// The worker in this place was given up: the system shares out among the others what comes.
    pub(super) fn give_up(&self, worker: usize) {
        if let Some(kept) = &self.kept {
            lock(kept).retain(|left| {
                if left.worker == worker {
                    left.options.release();
                }
                left.worker != worker
            });
        }
    }

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
    pub(super) fn announcing(self, call: Box<dyn FnMut(&Address)>) -> impl FnOnce() {
        move || {
            let addresses: Vec<_> = self.opened().iter().map(Opened::address).collect();
            addresses.iter().for_each(call);
        }
    }

    fn opened(&self) -> MutexGuard<'_, Vec<Opened>> {
        lock(&self.opened)
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code of the application runs under the lock.
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
