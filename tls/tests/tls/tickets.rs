//! Ticket keys: sessions that are resumed by another process.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use retwist_reactor::testing::Pair;
use retwist_reactor::{Layer, error_chain};
use retwist_tls::{
    ClientCertificates, ClientOptions, Reload, Resumption, ServerOptions, TicketKeys, TlsRole,
    TlsTransport,
};
use rustls::pki_types::UnixTime;
use rustls::server::ProducesTickets;
use rustls::time_provider::TimeProvider;

use crate::common::{AUTHORITY, Authority, old_client_that_resumes, quiet};

/// What a process that serves has: its own configuration, and the keys that it was given.
fn process(keys: &Arc<TicketKeys>) -> TlsRole {
    let options = ServerOptions::new(AUTHORITY.identity(&["localhost"]));
    TlsRole::server(options.ticket_keys(keys.clone()).build().unwrap())
}

fn handed_over(keys: &TicketKeys) -> Arc<TicketKeys> {
    TicketKeys::from_bytes(keys.to_bytes()).unwrap().into()
}

fn resumes(dial: &TlsRole, serve: &TlsRole) -> bool {
    let ((a, notes), (b, _)) = (quiet(), quiet());
    let pair = Pair::new(
        TlsTransport::new(dial.clone(), a).as_protocol(),
        TlsTransport::new(serve.clone(), b).as_protocol(),
    );
    pair.run();
    assert_eq!(notes.log(), ["made", "handshake"], "{}", notes.reason());
    TlsTransport::of(&notes.transport()).unwrap().resumed
}

fn client() -> TlsRole {
    let options = ClientOptions::new(AUTHORITY.roots()).build().unwrap();
    TlsRole::client(options, "localhost").unwrap()
}

#[test]
fn a_session_of_one_process_goes_on_in_another() {
    for dial in [client, old_client_that_resumes] {
        let first = Arc::new(TicketKeys::random().unwrap());
        let second = handed_over(&first);
        let dial = dial();
        assert!(!resumes(&dial, &process(&first)));
        assert!(resumes(&dial, &process(&second)));
        // And back, and under keys that were rotated before they were handed over.
        assert!(resumes(&dial, &process(&first)));
        first.rotate().unwrap();
        assert!(resumes(&dial, &process(&handed_over(&first))));
        // What one of them has not got is a full handshake, and no failure.
        let strange = Arc::new(TicketKeys::random().unwrap());
        assert!(!resumes(&dial, &process(&strange)));
        assert!(!resumes(&dial, &process(&second)));
    }
}

#[test]
fn old_keys_open_and_the_oldest_are_forgotten() {
    let keys = TicketKeys::random().unwrap();
    let mut tickets: Vec<Vec<u8>> = Vec::new();
    for round in 0..6 {
        tickets.push(keys.encrypt(format!("session {round}").as_bytes()).unwrap());
        for (number, ticket) in tickets.iter().enumerate() {
            let expected = format!("session {number}").into_bytes();
            let opened = keys.decrypt(ticket);
            assert_eq!(
                opened,
                (number + 3 > round).then_some(expected),
                "{round} {number}"
            );
        }
        keys.rotate().unwrap();
        assert_eq!(keys.to_bytes().len(), 80 * (round + 2).min(3));
    }
}

/// A clock that is set.
#[derive(Debug, Default)]
struct Hours(AtomicU64);

impl TimeProvider for Hours {
    fn current_time(&self) -> Option<UnixTime> {
        let hours = self.0.load(Ordering::Relaxed);
        Some(UnixTime::since_unix_epoch(Duration::from_secs(
            hours * 3600,
        )))
    }
}

#[test]
fn keys_rotate_by_time() {
    let clock = Arc::new(Hours(AtomicU64::new(1_000)));
    let keys = TicketKeys::random().unwrap().by_time(clock.clone());
    let first = keys.to_bytes();
    let ticket = keys.encrypt(b"session").unwrap();
    for (hour, count, opens) in [
        (1_005, 1, true),
        (1_006, 2, true),
        (1_011, 2, true),
        (1_012, 3, true),
        (1_018, 3, false),
    ] {
        clock.0.store(hour, Ordering::Relaxed);
        assert_eq!(keys.decrypt(&ticket).is_some(), opens, "{hour}");
        assert_eq!(keys.to_bytes().len(), 80 * count, "{hour}");
        assert_eq!(keys.to_bytes()[..80] == first[..], count == 1);
    }
    // A long time without a ticket: none of the old keys is kept.
    let ticket = keys.encrypt(b"session").unwrap();
    clock.0.store(2_000, Ordering::Relaxed);
    assert!(keys.decrypt(&ticket).is_none());
    assert_eq!(keys.to_bytes().len(), 80);
    // A clock that is set back harms nothing.
    clock.0.store(1, Ordering::Relaxed);
    let ticket = keys.encrypt(b"session").unwrap();
    assert!(keys.decrypt(&ticket).is_some());

    // Those that others have, too, stay as they are.
    let shared = TicketKeys::from_bytes(&first)
        .unwrap()
        .by_time(clock.clone());
    clock.0.store(9_000, Ordering::Relaxed);
    shared.encrypt(b"session").unwrap();
    assert_eq!(shared.to_bytes(), first);
}

#[test]
fn what_was_changed_or_cut_is_not_opened() {
    let keys = TicketKeys::random().unwrap();
    for plain in [&b""[..], b"session\0\0\0", &[7; 1 << 14]] {
        let ticket = keys.encrypt(plain).unwrap();
        assert_eq!(keys.decrypt(&ticket).as_deref(), Some(plain));
        let step = 1 + ticket.len() / 200;
        for at in (0..ticket.len()).step_by(step) {
            assert_eq!(keys.decrypt(&ticket[..at]), None);
            for bit in [1, 0x80] {
                let mut forged = ticket.clone();
                forged[at] ^= bit;
                assert_eq!(keys.decrypt(&forged), None, "{at}");
            }
        }
        let longer = [&ticket[..], b"\0"].concat();
        assert_eq!(keys.decrypt(&longer), None);
    }
    assert_eq!(keys.encrypt(&[0; (1 << 14) + 1]), None);
    assert_eq!(keys.decrypt(&[0; 1 << 16]), None);
    // No two tickets are sealed with the same random bytes.
    let tickets = (0..1000).map(|_| keys.encrypt(b"session").unwrap());
    let salts: HashSet<Vec<u8>> = tickets.map(|ticket| ticket[16..48].to_vec()).collect();
    assert_eq!(salts.len(), 1000);
    assert!(!format!("{keys:?}").contains(&format!("{:?}", &keys.to_bytes()[16..20])));
}

#[test]
fn what_is_not_a_key_is_refused() {
    let good = TicketKeys::random().unwrap().to_bytes();
    let many: Vec<u8> = (0..17)
        .flat_map(|_| TicketKeys::random().unwrap().to_bytes())
        .collect();
    for (bytes, words) in [
        (vec![], "a multiple of 80 bytes"),
        (good[..79].to_vec(), "a multiple of 80 bytes"),
        ([&good[..], b"\n"].concat(), "a multiple of 80 bytes"),
        (vec![0; 80], "not random"),
        ([&good[..], &good].concat(), "one key twice"),
        (many, "more than 16 keys"),
    ] {
        let refused = error_chain(&TicketKeys::from_bytes(&bytes).unwrap_err());
        assert!(refused.contains(words), "{refused}");
        let keys = TicketKeys::from_bytes(&good).unwrap();
        assert!(keys.replace(&bytes).is_err());
        assert_eq!(keys.to_bytes(), good);
    }
}

#[test]
fn a_file_of_keys_is_shared_and_changed() {
    let path: PathBuf =
        std::env::temp_dir().join(format!("retwist-tls-tickets-{}", std::process::id()));
    let missing = error_chain(&TicketKeys::from_file(&path).unwrap_err());
    assert!(missing.contains("retwist-tls-tickets"), "{missing}");
    let [old, new] = [(); 2].map(|()| TicketKeys::random().unwrap().to_bytes());
    fs::write(&path, &old).unwrap();
    let machines = [(); 2].map(|()| Arc::new(TicketKeys::from_file(&path).unwrap()));
    let [one, two] = machines.each_ref().map(process);
    let dial = client();
    assert!(!resumes(&dial, &one));
    assert!(resumes(&dial, &two));

    // Half of it is written, and then all.
    let whole = [&new[..], &old].concat();
    for cut in [0, 81, 160] {
        fs::write(&path, &whole[..cut]).unwrap();
        for keys in &machines {
            Reload::new().ticket_keys(keys).look();
        }
        assert!(resumes(&dial, &one));
        assert!(resumes(&dial, &two));
    }
    assert_eq!(machines[0].to_bytes(), whole);
    fs::write(&path, &new).unwrap();
    Reload::new().ticket_keys(&machines[0]).now();
    assert_eq!(machines[0].to_bytes(), new);
    assert!(
        resumes(&dial, &one),
        "the tickets since the change are under the new one"
    );
    fs::remove_file(path).unwrap();
}

#[test]
fn clients_are_resumed_where_the_same_authorities_count() {
    let keys = Arc::new(TicketKeys::random().unwrap());
    let serve = |authorities: &[&Authority]| {
        let mut pem = String::new();
        authorities
            .iter()
            .for_each(|authority| pem += &authority.pem);
        let roots = retwist_tls::TrustRoots::from_pem(pem).unwrap();
        let options = ServerOptions::new(AUTHORITY.identity(&["localhost"]))
            .client_certificates(ClientCertificates::Required(roots))
            .ticket_keys(handed_over(&keys));
        TlsRole::server(options.build().unwrap())
    };
    let options = ClientOptions::new(AUTHORITY.roots()).identity(AUTHORITY.identity(&["a client"]));
    let dial = TlsRole::client(options.build().unwrap(), "localhost").unwrap();
    let other = Authority::new();
    assert!(!resumes(&dial, &serve(&[&AUTHORITY, &other])));
    assert!(
        resumes(&dial, &serve(&[&other, &AUTHORITY])),
        "whatever their order"
    );
    assert!(!resumes(&dial, &serve(&[&AUTHORITY])), "other authorities");
}

#[test]
fn the_last_word_on_resumption_counts() {
    let keys = Arc::new(TicketKeys::random().unwrap());
    for resumption in [
        Resumption::None,
        Resumption::Memory(10),
        Resumption::Tickets,
    ] {
        let serve = || {
            let options = ServerOptions::new(AUTHORITY.identity(&["localhost"]));
            let options = options.ticket_keys(keys.clone()).resumption(resumption);
            TlsRole::server(options.build().unwrap())
        };
        let dial = client();
        let (one, two) = (serve(), serve());
        assert!(!resumes(&dial, &one));
        assert_eq!(
            resumes(&dial, &two),
            resumption == Resumption::Tickets,
            "{resumption:?}"
        );
    }
}
