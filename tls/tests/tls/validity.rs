//! Certificates that expire soon, have expired, or are not valid yet: the log says so, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rcgen::date_time_ymd;
use retwist_tls::{Identities, Identity, Reload, Validity};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use crate::common::AUTHORITY;
use crate::logged::logged;
use crate::reloading::{client_of, meet, serving};

/// A clock that is set.
#[derive(Debug, Default)]
struct Calendar(AtomicU64);

impl Calendar {
    fn set(&self, year: i32, month: u8, day: u8) -> SystemTime {
        let date = date_time_ymd(year, month, day).unix_timestamp() as u64;
        self.0.store(date, Ordering::Relaxed);
        SystemTime::UNIX_EPOCH + Duration::from_secs(date)
    }
}

impl TimeProvider for Calendar {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(
            self.0.load(Ordering::Relaxed),
        )))
    }
}

fn valid(from: (i32, u8, u8), until: (i32, u8, u8)) -> (String, String) {
    AUTHORITY.certify_with(&["mail.example.org"], |params| {
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
    })
}

#[test]
fn a_certificate_that_is_not_good_is_said_when_it_is_made() {
    for (from, until, words) in [
        (
            (2000, 1, 1),
            (2001, 2, 3),
            "ERROR the certificate for mail.example.org has expired on 2001-02-03: peers refuse it",
        ),
        (
            (2999, 1, 2),
            (3999, 1, 1),
            "ERROR the certificate for mail.example.org is valid from 2999-01-02 on: peers refuse it until then",
        ),
        ((2000, 1, 1), (3999, 1, 1), ""),
    ] {
        logged();
        let (chain, key) = valid(from, until);
        let identity = Identity::from_pem(chain, key).unwrap();
        let _ = identity.clone();
        let told = logged();
        assert!(told.concat().starts_with(words), "{told:?}");
        assert_eq!(told.len(), usize::from(!words.is_empty()));
    }
}

#[test]
fn a_certificate_that_comes_to_its_end_is_said_at_a_handshake() {
    logged();
    let calendar = Arc::new(Calendar::default());
    let (chain, key) = valid((2020, 1, 1), (2099, 12, 31));
    let identity = Identity::from_pem(chain, key).unwrap();
    let identities = Identities::by_time(Some(identity.clone()), calendar.clone());
    let serve = serving(&identities);
    let name = "the certificate for mail.example.org";
    for (date, validity, words) in [
        (
            (2019, 6, 1),
            "NotYetValid",
            "ERROR NAME is valid from 2020-01-01 on",
        ),
        ((2050, 6, 1), "Good", ""),
        ((2099, 12, 10), "Good", ""),
        (
            (2099, 12, 20),
            "ExpiresSoon",
            "WARN NAME expires in 11 days, on 2099-12-31",
        ),
        ((2099, 12, 29), "ExpiresSoon", ""),
        (
            (2100, 1, 1),
            "Expired",
            "ERROR NAME has expired on 2099-12-31",
        ),
        ((2100, 2, 1), "Expired", ""),
    ] {
        let now = calendar.set(date.0, date.1, date.2);
        assert!(
            format!("{:?}", identity.validity(now)).starts_with(validity),
            "{date:?}"
        );
        // The client does not follow this clock, and may refuse what it is shown.
        for _ in 0..3 {
            let _ = meet(&client_of(AUTHORITY.roots()), &serve);
        }
        Reload::new().identities(&identities).look();
        let told = logged();
        let expected = words.replace("NAME", name);
        assert!(told.concat().starts_with(&expected), "{date:?}: {told:?}");
        assert_eq!(told.len(), usize::from(!words.is_empty()), "{told:?}");
    }
}

#[test]
fn a_short_life_is_near_its_end_later() {
    let (chain, key) = valid((2030, 1, 1), (2030, 1, 9));
    let identity = Identity::from_pem(chain, key).unwrap();
    let calendar = Calendar::default();
    assert_eq!(identity.validity(calendar.set(2030, 1, 6)), Validity::Good);
    let end = calendar.set(2030, 1, 9);
    let soon = identity.validity(calendar.set(2030, 1, 8));
    assert_eq!(soon, Validity::ExpiresSoon(end));
    assert_eq!(identity.validity(end), Validity::ExpiresSoon(end));
    let behind = identity.validity(end + Duration::from_secs(1));
    assert_eq!(behind, Validity::Expired(end));
    assert_eq!(
        identity.validity(SystemTime::UNIX_EPOCH - Duration::from_secs(5)),
        Validity::NotYetValid(calendar.set(2030, 1, 1))
    );
}
