use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::super::error::Origin;
use super::{ConfigError, TicketKeys, parse};

/// The keys of this process that its new version gets, by name.
static KEPT: Mutex<BTreeMap<String, Weak<TicketKeys>>> = Mutex::new(BTreeMap::new());

impl TicketKeys {
    /// Keys that outlive this program: those that the program before it has handed over under this name, or else
    /// [`random`](TicketKeys::random) ones. They rotate every [`PERIOD`](TicketKeys::PERIOD), and the next version of the program
    /// gets them in turn, if it replaces this one by a `Restart`. Within the process, they are the same for
    /// all that ask by this name.
    ///
    /// A session that began with one server is resumed by each that has the same keys. So servers that ask
    /// for different certificates of clients want different names.
    ///
    /// What was handed over and cannot be used is logged, and new keys take its place: clients then make full
    /// handshakes.
    ///
    /// ```
    /// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
    /// use retwist::tls::{Identity, ServerOptions, TicketKeys};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let made = rcgen::generate_simple_self_signed(["localhost".to_string()])?;
    /// # let identity = Identity::from_pem(made.cert.pem(), made.signing_key.serialize_pem())?;
    /// let keys = TicketKeys::across_restarts("imap")?;
    /// let config = ServerOptions::new(identity).ticket_keys(keys).build()?;
    /// # Ok(()) }
    /// ```
    pub fn across_restarts(name: &str) -> Result<Arc<Self>, ConfigError> {
        let mut all = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = all.get(name).and_then(Weak::upgrade) {
            return Ok(keys);
        }
        let keys = match before(name) {
            Some(keys) => keys,
            None => TicketKeys::random()?,
        };
        let keys = Arc::new(keys);
        all.retain(|_, keys| keys.strong_count() > 0);
        all.insert(name.to_owned(), Arc::downgrade(&keys));
        hand_over(name, &keys);
        Ok(keys)
    }

    /// The keys, behind the time of their next rotation: a program that is restarted more often than they
    /// rotate would else keep them without end.
    #[cfg_attr(
        not(unix),
        allow(dead_code, reason = "a program restarts on Unix alone")
    )]
    fn to_successor(&self) -> Vec<u8> {
        let next = self
            .keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .next;
        [&next.to_be_bytes()[..], &self.to_bytes()].concat()
    }

    #[cfg_attr(
        not(unix),
        allow(dead_code, reason = "a program restarts on Unix alone")
    )]
    fn from_predecessor(bytes: &[u8]) -> Result<Self, ConfigError> {
        let cut = || ConfigError::TicketKeys(Origin::Memory, "is cut off");
        let (next, keys) = bytes.split_first_chunk().ok_or_else(cut)?;
        let keys = Self::with(parse(keys, &Origin::Memory)?)?.rotate_every(Self::PERIOD);
        let next = u64::from_be_bytes(*next);
        // A clock may have been set back.
        keys.change(|keys| keys.next = keys.next.min(next));
        Ok(keys)
    }
}

#[cfg(unix)]
fn hand_over(name: &str, keys: &Arc<TicketKeys>) {
    let keys = Arc::downgrade(keys);
    retwist_reactor::hand_over(label(name), move || Some(keys.upgrade()?.to_successor()));
}

#[cfg(unix)]
fn before(name: &str) -> Option<TicketKeys> {
    let cannot = |error: &dyn std::error::Error| {
        log::warn!(
            "no session of the program before this one is resumed by {name}, since its ticket keys cannot be had: {}",
            retwist_reactor::error_chain(error)
        );
    };
    let bytes = retwist_reactor::handed_over(&label(name));
    let bytes = bytes.inspect_err(|error| cannot(error)).ok()??;
    let keys = TicketKeys::from_predecessor(&bytes);
    keys.inspect_err(|error| cannot(error)).ok()
}

#[cfg(unix)]
fn label(name: &str) -> String {
    format!("ticket keys of {name}")
}

#[cfg(not(unix))]
fn hand_over(_: &str, _: &Arc<TicketKeys>) {}

#[cfg(not(unix))]
fn before(_: &str) -> Option<TicketKeys> {
    None
}

#[cfg(test)]
mod tests {
    use rustls::server::ProducesTickets;

    use super::*;

    fn next(keys: &TicketKeys) -> u64 {
        keys.keys.read().unwrap().next
    }

    #[test]
    fn the_next_version_goes_on_with_them_and_rotates_when_they_were_due() {
        let keys = TicketKeys::random().unwrap();
        keys.rotate().unwrap();
        let due = next(&keys) - 1000;
        keys.change(|keys| keys.next = due);
        let ticket = keys.encrypt(b"a session").unwrap();
        let successor = TicketKeys::from_predecessor(&keys.to_successor()).unwrap();
        assert_eq!(successor.decrypt(&ticket).unwrap(), b"a session");
        assert_eq!(next(&successor), due);
        // A restart does not put the rotation off; nor does a clock that was set back put it into the distant future.
        let third = TicketKeys::from_predecessor(&successor.to_successor()).unwrap();
        assert_eq!(next(&third), due);
        keys.change(|keys| keys.next = u64::MAX);
        let successor = TicketKeys::from_predecessor(&keys.to_successor()).unwrap();
        assert!(next(&successor) < u64::MAX);
    }

    #[test]
    fn what_cannot_be_keys_is_refused() {
        let good = TicketKeys::random().unwrap().to_successor();
        for cut in (0..good.len()).step_by(7) {
            assert!(TicketKeys::from_predecessor(&good[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn a_name_has_the_same_keys_as_long_as_they_are_used() {
        let one = TicketKeys::across_restarts("one").unwrap();
        assert!(Arc::ptr_eq(
            &one,
            &TicketKeys::across_restarts("one").unwrap()
        ));
        let other = TicketKeys::across_restarts("other").unwrap();
        let ticket = one.encrypt(b"a session").unwrap();
        assert!(other.decrypt(&ticket).is_none());
        drop(one);
        let fresh = TicketKeys::across_restarts("one").unwrap();
        assert!(fresh.decrypt(&ticket).is_none());
    }
}
