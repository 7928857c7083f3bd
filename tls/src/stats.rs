use std::cell::RefCell;
use std::collections::BTreeMap;

use retwist_reactor::{FigureName, Figures, Reason};

use crate::{TlsError, TlsInfo};

/// The outcomes of the TLS handshakes of one thread, which is that of one reactor: counts that only grow.
///
/// A handshake is counted when it is over, so that a connection that is open costs nothing.
///
/// The [figures](retwist_reactor::Figures) of the reactor have the same counts by name, for a console and metrics:
/// `tls_handshakes`, `tls_resumptions`, `tls_failures` by their kind, and `tls_peer_alerts` by the alert.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
/// use retwist::tls::TlsStats;
///
/// let stats = TlsStats::of_this_thread();
/// println!("{} handshakes, {} of them resumed", stats.completed, stats.resumed);
/// for (kind, count) in &stats.failed {
///     println!("{kind}: {count}");
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsStats {
    /// How many succeeded.
    pub completed: u64,
    /// How many of these resumed an earlier session.
    pub resumed: u64,
    /// How many of these took a second ClientHello (HelloRetryRequest).
    pub hello_retried: u64,
    /// How many failed, by [`TlsError::kind`]; `transport` if the connection below broke, or was ended
    /// by this side.
    pub failed: BTreeMap<&'static str, u64>,
    /// How many failed with an alert of the peer, by its name in the RFCs: `unknown_ca`. They are in
    /// `failed`, too, as `peer_alert`.
    pub peer_alerts: BTreeMap<Box<str>, u64>,
}

thread_local! {
    static STATS: RefCell<TlsStats> = RefCell::default();
}

impl TlsStats {
    /// Returns what was counted on this thread until now.
    pub fn of_this_thread() -> Self {
        STATS.with_borrow(Clone::clone)
    }

    /// Adds what another thread has counted.
    pub fn add(&mut self, other: &TlsStats) {
        self.completed += other.completed;
        self.resumed += other.resumed;
        self.hello_retried += other.hello_retried;
        for (kind, count) in &other.failed {
            *self.failed.entry(kind).or_default() += count;
        }
        for (alert, count) in &other.peer_alerts {
            *self.peer_alerts.entry(alert.clone()).or_default() += count;
        }
    }
}

/// A handshake has succeeded.
pub(crate) fn completed(info: &TlsInfo, figures: &Figures) {
    figures.counter("tls_handshakes").add(1);
    if info.resumed {
        figures.counter("tls_resumptions").add(1);
    }
    STATS.with_borrow_mut(|stats| {
        stats.completed += 1;
        stats.resumed += u64::from(info.resumed);
        stats.hello_retried += u64::from(info.hello_retried);
    });
}

/// A connection has ended in its handshake.
#[cold]
pub(crate) fn failed(reason: Option<&Reason>, figures: &Figures) {
    let error = reason.and_then(|reason| reason.downcast_ref::<TlsError>());
    let kind = error.map_or("transport", TlsError::kind);
    let count = |name: FigureName| figures.counter(name).add(1);
    count(FigureName::from("tls_failures").label("kind", kind));
    if let Some(alert) = error.and_then(TlsError::alert_name) {
        count(FigureName::from("tls_peer_alerts").label("alert", alert.to_owned()));
    }
    STATS.with_borrow_mut(|stats| {
        *stats.failed.entry(kind).or_default() += 1;
        // A peer has no more than 256 of them.
        if let Some(alert) = error.and_then(TlsError::alert_name) {
            *stats.peer_alerts.entry(alert.into()).or_default() += 1;
        }
    });
}
