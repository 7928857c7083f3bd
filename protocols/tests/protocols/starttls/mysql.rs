//! What is peculiar to MySQL: a greeting that cannot be made up, a login that comes twice, and packets
//! with numbers.

use std::rc::Rc;

use proptest::collection::vec;
use proptest::prelude::*;
use retwist_protocols::{
    Dialect, MysqlGreeting, MysqlLogin, MysqlSequence, PlainClient, PlainServer, Policy,
    StartTlsClient, StartTlsError, StartTlsServer,
};
use retwist_reactor::testing::RecordingTransport;

use super::heard;
use crate::common::{CUTS, Ear};

/// What MariaDB 10.11 says first.
const MARIADB: &[u8] =
    b"\x5a\0\0\0\x0a5.5.5-10.11.19-MariaDB\0\x03\0\0\0Zz3T#o5{\0\xfe\xf7\x2d\x02\0\xff\x81\x15\0\0\0\0\0\0\x1d\0\0\0\
      9x=O]>P[!9pQ\0mysql_native_password\0";

/// Where the second byte of the capabilities of that stands.
const FLAGS: usize = 4 + 1 + 23 + 4 + 8 + 1 + 1;

pub(super) fn greeting() -> Rc<MysqlGreeting> {
    let scramble = *b"abcdefghijklmnopqrst";
    Rc::new(MysqlGreeting::with_scramble("8.0.0-mx", scramble))
}

fn packet(number: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short one");
    let head = length.to_le_bytes();
    [&head[..3], &[number], payload].concat()
}

/// A login with these flags in the second byte of its capabilities.
fn login(number: u8, flags: u8) -> Vec<u8> {
    let mut payload = vec![0x85, flags, 0x3e, 0, 0, 0, 0, 1, 45];
    payload.resize(32, 0);
    payload.extend(b"me\0\x14aaaaaaaaaaaaaaaaaaaamysql_native_password\0");
    packet(number, &payload)
}

fn request(flags: u8) -> Vec<u8> {
    packet(1, &login(1, flags)[4..36])
}

#[test]
fn a_greeting_says_what_is_needed_behind_tls() {
    let made = greeting();
    assert!(!made.offers_tls());
    assert_eq!(made.version(), "8.0.0-mx");
    assert_eq!(made.scramble(), b"abcdefghijklmnopqrst");
    let (one, other) = (MysqlGreeting::new("a"), MysqlGreeting::new("a"));
    assert_ne!(one.scramble(), other.scramble());
    assert!(!one.scramble().contains(&0) && one.scramble().len() == 20);

    for cut in CUTS {
        let (above, _recording) = heard(
            |above| PlainServer::new(Dialect::Mysql).wrap(above),
            MARIADB,
            cut,
        );
        let greeting = MysqlGreeting::of(&above.transport()).expect("it was taken");
        assert_eq!(greeting.version(), "5.5.5-10.11.19-MariaDB");
        assert_eq!(greeting.scramble(), b"Zz3T#o5{9x=O]>P[!9pQ");
        assert!(!greeting.offers_tls());
    }
}

#[test]
fn a_server_shows_the_greeting_of_another_one_with_tls_in_it() {
    let (above, _recording) = heard(
        |above| PlainServer::new(Dialect::Mysql).wrap(above),
        MARIADB,
        1000,
    );
    let greeting = MysqlGreeting::of(&above.transport()).expect("it was taken");
    for cut in CUTS {
        let sent = [&request(0xae)[..], b"\x16hello"].concat();
        let server = || StartTlsServer::mysql(greeting.clone());
        let (above, recording) = heard(|above| server().wrap(above), &sent, cut);
        let mut shown = MARIADB.to_vec();
        shown[FLAGS] |= 0x08;
        assert_eq!(recording.written(), shown);
        assert_eq!(*above.heard.borrow(), b"\x16hello");
        assert_eq!(
            MysqlGreeting::of(&above.transport()),
            Some(greeting.clone())
        );
    }
}

#[test]
fn a_server_takes_no_login_in_clear() {
    for (sent, error) in [
        (login(1, 0xa6), StartTlsError::Left),
        // It says TLS and goes on in clear.
        (login(1, 0xae), StartTlsError::Left),
        // A request that does not ask.
        (
            request(0xa6),
            StartTlsError::Unexpected(Dialect::Mysql, " ".into()),
        ),
        // A command, a number that no login has, TLS from the first byte.
        (
            packet(0, b"\x03SELECT 1"),
            StartTlsError::Unexpected(Dialect::Mysql, "\t".into()),
        ),
        (
            packet(2, &[0; 32]),
            StartTlsError::Unexpected(Dialect::Mysql, " ".into()),
        ),
        (
            b"\x16\x03\x01\x02\0".to_vec(),
            StartTlsError::Unexpected(Dialect::Mysql, "\u{16}".into()),
        ),
        (
            packet(1, b""),
            StartTlsError::Unexpected(Dialect::Mysql, "\0".into()),
        ),
        // The request of protocols before 4.1.
        (
            packet(1, b"\x04\x08\0\0\0"),
            StartTlsError::Unexpected(Dialect::Mysql, "\u{5}".into()),
        ),
    ] {
        for cut in CUTS {
            let server = || StartTlsServer::mysql(greeting());
            let (above, recording) = heard(|above| server().wrap(above), &sent, cut);
            let text = |error: StartTlsError| match error {
                StartTlsError::Unexpected(dialect, text) => {
                    StartTlsError::Unexpected(dialect, text.trim_end().into())
                }
                error => error,
            };
            assert_eq!(
                above.error().map(text),
                Some(text(error.clone())),
                "{}",
                sent.escape_ascii()
            );
            assert!(!above.is_made());
            let said = recording.written();
            let told = said.ends_with(b"#HY000this server wants TLS: connect with --ssl");
            assert_eq!(told, error == StartTlsError::Left);
        }
    }
}

#[test]
fn a_client_asks_with_the_login_that_it_was_given() {
    // The client in clear sees no TLS in the greeting, and begins to log in.
    let offered = {
        let mut offered = MARIADB.to_vec();
        offered[FLAGS] |= 0x08;
        let (above, _recording) = heard(
            |above| PlainServer::new(Dialect::Mysql).wrap(above),
            &offered,
            1000,
        );
        MysqlGreeting::of(&above.transport()).expect("it was taken")
    };
    assert!(offered.offers_tls());
    for cut in CUTS {
        let client = || PlainClient::mysql(offered.clone());
        let (above, recording) = heard(|above| client().wrap(above), &login(1, 0xa6), cut);
        assert_eq!(recording.written(), MARIADB);
        assert_eq!(*above.heard.borrow(), login(1, 0xa6));
        let begun = MysqlLogin::of(&above.transport()).expect("it has begun");
        assert_eq!(begun.capabilities(), 0x003e_a685);

        let asks = || StartTlsClient::mysql((*begun).clone());
        let (above, recording) = heard(|above| asks().wrap(above), b"\x16hello", cut);
        assert_eq!(recording.written(), request(0xae));
        assert_eq!(*above.heard.borrow(), b"\x16hello");
    }
    // It was not offered TLS, and asks for it.
    for sent in [request(0xae), packet(0, b"\x03SELECT 1")] {
        let client = || PlainClient::mysql(offered.clone());
        let (above, _recording) = heard(|above| client().wrap(above), &sent, 1);
        assert!(above.error::<StartTlsError>().is_some() && !above.is_made());
    }
}

/// A login of several packets, and what follows it; with the numbers of a side without TLS.
fn conversation(shift: u8, flags: u8) -> (Vec<u8>, Vec<u8>) {
    let client = [
        login(1 + shift, flags),
        packet(3 + shift, b"answer"),
        packet(5 + shift, b""),
        packet(0, b"\x03SELECT 1"),
        packet(1, b"behind"),
    ];
    let server = [
        packet(2 + shift, b"\xfemysql_native_password\0scramble"),
        packet(4 + shift, b"\x01more"),
        packet(6 + shift, b"\0\0\0\x02\0\0\0"),
        packet(1, b"\x01"),
        packet(2, b"row"),
    ];
    (client.concat(), server.concat())
}

#[test]
fn a_login_is_numbered_for_each_side() {
    let (clear, secure) = (conversation(0, 0xa6), conversation(1, 0xae));
    for (policy, client, server) in [
        (MysqlSequence::server_in_clear(), &secure, &clear),
        (MysqlSequence::client_in_clear(), &clear, &secure),
    ] {
        for cut in CUTS {
            let above = Ear::default();
            let wire = RecordingTransport::connect(policy.wrap(above.clone()));
            for piece in client.0.chunks(cut) {
                above.transport().write(piece);
            }
            for piece in server.1.chunks(cut) {
                wire.receive(piece);
            }
            assert_eq!(wire.written(), server.0);
            assert_eq!(*above.heard.borrow(), client.1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Of what a peer sends no byte is lost or added, whatever the packets are, and no cut shows.
    #[test]
    fn numbers_change_and_nothing_else(
        bytes in vec(prop_oneof![Just(0_u8), Just(1), Just(0xff), any::<u8>()], 0..200),
        cut in 1_usize..20,
    ) {
        let passed = |cut: usize| {
            let above = Ear::default();
            let wire = RecordingTransport::connect(MysqlSequence::client_in_clear().wrap(above.clone()));
            for piece in bytes.chunks(cut) {
                above.transport().write(piece);
                wire.receive(piece);
            }
            let heard = above.heard.borrow().clone();
            (wire.written(), heard)
        };
        let (whole, pieces) = (passed(usize::MAX), passed(cut));
        prop_assert_eq!(whole.0.len(), bytes.len());
        prop_assert_eq!(whole.1.len(), bytes.len());
        prop_assert_eq!(whole, pieces);
    }
}
