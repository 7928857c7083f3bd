use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use retwist_reactor::{Clock, DelayedCall};

use super::{Identities, TicketKeys, TrustRoots};

/// Reads certificates, private keys, trust roots and ticket keys again when their files have changed, and says in the log
/// what expires: for a server that goes on while its certificates are renewed.
///
/// Each identity is exchanged as a whole. Where the new files cannot be used, half written, cut off, or with a
/// key that belongs to another certificate, the old identity stays, the log says why, once, and the next
/// look tries again. A change counts for the handshakes that begin after it.
///
/// A look costs one system call for each file; what has changed is read at once, on the thread that looks. Several
/// reactors can share what is reloaded, and look each by itself: one of them reads.
///
/// ```no_run
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
/// use std::time::Duration;
/// use retwist::Reactor;
/// use retwist::tls::{Identities, Identity, Reload, ServerOptions};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let identities = Identities::new(Identity::from_pem_files("server.crt", "server.key")?);
/// let config = ServerOptions::choosing(identities.clone()).build()?;
/// let reactor = Reactor::new()?;
/// let reload = Reload::new().identities(&identities);
/// // By the time of the files; for a signal, `reload.now()`.
/// reload.every(Duration::from_secs(5), reactor.clock());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Reload {
    identities: Vec<Arc<Identities>>,
    roots: Vec<TrustRoots>,
    ticket_keys: Vec<Arc<TicketKeys>>,
}

impl Reload {
    /// Makes one that reloads nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds these identities: those among them that came from files.
    #[must_use]
    pub fn identities(mut self, identities: &Arc<Identities>) -> Self {
        self.identities.push(identities.clone());
        self
    }

    /// Adds these trust roots, if they came from files.
    #[must_use]
    pub fn roots(mut self, roots: &TrustRoots) -> Self {
        self.roots.push(roots.clone());
        self
    }

    /// Adds these ticket keys, if they came from a file.
    #[must_use]
    pub fn ticket_keys(mut self, keys: &Arc<TicketKeys>) -> Self {
        self.ticket_keys.push(keys.clone());
        self
    }

    /// Of all that the other is of, too.
    #[must_use]
    pub fn and(mut self, other: &Reload) -> Self {
        self.identities.extend_from_slice(&other.identities);
        self.roots.extend_from_slice(&other.roots);
        self.ticket_keys.extend_from_slice(&other.ticket_keys);
        self
    }

    /// Reads again what has changed since it was read, by the time, the size and the number of its files.
    pub fn look(&self) {
        self.identities.iter().for_each(|all| all.look(false));
        self.roots.iter().for_each(TrustRoots::look);
        self.ticket_keys.iter().for_each(|keys| keys.look(false));
    }

    /// Reads everything again: on demand, as for SIGHUP. The system's trust roots as well, which takes
    /// some 10 ms. What came from a pipe stays as it is. What cannot be used is said each time.
    pub fn now(&self) {
        self.identities.iter().for_each(|all| all.look(true));
        self.roots
            .iter()
            .for_each(|roots| roots.reload_loudly(true));
        self.ticket_keys.iter().for_each(|keys| keys.look(true));
    }

    /// Looks from now on in this interval, on the thread of this clock.
    pub fn every(&self, interval: Duration, clock: &Clock) -> Reloading {
        let next = Rc::<Cell<Option<DelayedCall>>>::default();
        schedule(self.clone(), interval, clock.clone(), next.clone());
        Reloading { next }
    }
}

fn schedule(reload: Reload, interval: Duration, clock: Clock, next: Rc<Cell<Option<DelayedCall>>>) {
    let again = (clock.clone(), next.clone());
    let call = clock.call_later(interval, move || {
        reload.look();
        let (clock, next) = again;
        schedule(reload, interval, clock, next);
    });
    next.set(Some(call));
}

/// The looks of [`Reload::every`]. They go on when this is dropped.
pub struct Reloading {
    next: Rc<Cell<Option<DelayedCall>>>,
}

impl Reloading {
    /// Looks no more.
    pub fn stop(&self) {
        if let Some(call) = self.next.take() {
            call.cancel();
        }
    }
}

impl fmt::Debug for Reloading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloading").finish_non_exhaustive()
    }
}
