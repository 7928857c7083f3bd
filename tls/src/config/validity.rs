use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;

use crate::certificate::{Certificate, DAY, date};

/// Whether a certificate is good at some moment: [`Identity::validity`](crate::Identity::validity).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Validity {
    /// It is good, and for a while yet.
    Good,
    /// It is good until this time, which is near: less than 14 days off, or, with a short life, less than a
    /// quarter of that.
    ExpiresSoon(SystemTime),
    /// It was good until this time. Peers refuse it.
    Expired(SystemTime),
    /// It will be good from this time on. Peers refuse it until then.
    NotYetValid(SystemTime),
    /// Its validity cannot be read.
    Unknown,
}

/// Watches the validity of one certificate, and says in the log what has become of it: each fact once,
/// however many handshakes and threads look.
#[derive(Debug)]
pub(super) struct Watch {
    certificate: Option<Certificate>,
    /// The fact that the log has said last.
    told: AtomicU8,
    /// When a look was last, and when a handshake looks again, in seconds since 1970.
    last: AtomicI64,
    next: AtomicI64,
}

/// At most this long before its end a certificate expires soon.
const SOON: i64 = 14 * DAY;

impl Watch {
    pub(super) fn new(certificate: &CertificateDer<'_>) -> Self {
        Watch {
            certificate: Certificate::read(certificate),
            told: AtomicU8::new(0),
            last: AtomicI64::new(i64::MIN),
            next: AtomicI64::new(i64::MIN),
        }
    }

    pub(super) fn at(&self, now: SystemTime) -> Validity {
        let Some(certificate) = &self.certificate else {
            return Validity::Unknown;
        };
        let now = seconds(now);
        let (&from, &until) = (certificate.validity.start(), certificate.validity.end());
        let soon = SOON.min(until.saturating_sub(from) / 4);
        if now < from {
            time(from).map_or(Validity::Unknown, Validity::NotYetValid)
        } else if now > until {
            time(until).map_or(Validity::Unknown, Validity::Expired)
        } else if now > until - soon {
            time(until).map_or(Validity::Unknown, Validity::ExpiresSoon)
        } else {
            Validity::Good
        }
    }

    /// Looks, if the last look is a day ago, or the clock has been set back.
    pub(super) fn look_daily(&self, now: SystemTime, name: impl Fn() -> String) {
        let known = self.last.load(Ordering::Relaxed)..self.next.load(Ordering::Relaxed);
        if !known.contains(&seconds(now)) {
            self.look(now, name);
        }
    }

    /// Looks, and says in the log what is new.
    pub(super) fn look(&self, now: SystemTime, name: impl Fn() -> String) {
        let fact = self.at(now);
        let now = seconds(now);
        self.last.store(now, Ordering::Relaxed);
        self.next.store(self.next_look(now), Ordering::Relaxed);
        let number = match fact {
            Validity::Good => 1,
            Validity::ExpiresSoon(_) => 2,
            Validity::Expired(_) => 3,
            Validity::NotYetValid(_) => 4,
            Validity::Unknown => 5,
        };
        if self.told.swap(number, Ordering::Relaxed) == number {
            return;
        }
        match fact {
            Validity::Good => {}
            Validity::ExpiresSoon(until) => {
                let until = seconds(until);
                let days = (until - now) / DAY;
                log::warn!("{} expires in {days} days, on {}", name(), date(until));
            }
            Validity::Expired(until) => log::error!(
                "{} has expired on {}: peers refuse it",
                name(),
                date(seconds(until))
            ),
            Validity::NotYetValid(from) => log::error!(
                "{} is valid from {} on: peers refuse it until then, if the clock of this machine is right",
                name(),
                date(seconds(from))
            ),
            Validity::Unknown => {
                log::warn!("{} has dates that cannot be read", name());
            }
        }
    }

    /// In a day, or when the fact changes.
    fn next_look(&self, now: i64) -> i64 {
        let changes = self.certificate.iter().flat_map(|certificate| {
            let (from, until) = (certificate.validity.start(), certificate.validity.end());
            [*from, until.saturating_add(1)]
        });
        let next = changes.filter(|&change| change > now).min();
        next.unwrap_or(i64::MAX).min(now.saturating_add(DAY))
    }
}

/// In seconds since 1970.
fn seconds(time: SystemTime) -> i64 {
    let since = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => since(after),
        Err(before) => -since(before.duration()),
    }
}

/// `None` for what this system has no time for.
fn time(seconds: i64) -> Option<SystemTime> {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
    }
}
