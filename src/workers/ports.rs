use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use retwist_reactor::Address;

/// The ports that workers share, in the order in which they were opened. A clone is the same.
#[derive(Clone, Default)]
pub(super) struct Ports {
    opened: Arc<Mutex<Vec<Opened>>>,
}

struct Opened {
    /// The address that was asked for, perhaps with port 0.
    requested: SocketAddr,
    /// The address that it got.
    address: Address,
}

impl Ports {
    /// The port that was opened for `requested`: where several were, the one after `before` others.
    pub(super) fn find(&self, requested: SocketAddr, before: usize) -> Option<u16> {
        let opened = self.opened();
        let mut those = opened.iter().filter(|port| port.requested == requested);
        Some(those.nth(before)?.address.socket()?.port())
    }

    pub(super) fn add(&self, requested: SocketAddr, address: Address) {
        self.opened().push(Opened { requested, address });
    }

    /// Returns a closure that calls `call` for each port.
    pub(super) fn announcing(self, mut call: Box<dyn FnMut(&Address)>) -> impl FnOnce() {
        move || {
            let opened = std::mem::take(&mut *self.opened());
            opened.iter().for_each(|port| call(&port.address));
        }
    }

    fn opened(&self) -> MutexGuard<'_, Vec<Opened>> {
        // No code of the application runs under the lock.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
