//! What a server says before TLS, and what it does not take.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use retwist_protocols::{Dialect, OpeningError, Policy, StartTlsError, StartTlsServer};
use retwist_reactor::Reason;

use super::{heard, mysql};
use crate::common::CUTS;

fn server(dialect: Dialect) -> StartTlsServer {
    match dialect {
        // Otherwise its greeting is a random one.
        Dialect::Mysql => StartTlsServer::mysql(mysql::greeting()),
        dialect => StartTlsServer::new(dialect).name("mx"),
    }
}

/// Dialect, what the client sends, and what the server says until TLS begins.
const CONVERSATIONS: [(Dialect, &[u8], &[u8]); 14] = [
    (
        Dialect::Smtp,
        b"ehlo me\r\nMAIL FROM:<a@b>\r\nAUTH PLAIN AGEAYg==\r\nHELO me\r\nNOOP\r\nSTARTTLS now\r\nSTARTTLS\r\n",
        b"220 mx ESMTP\r\n250-mx\r\n250-ENHANCEDSTATUSCODES\r\n250 STARTTLS\r\n530 5.7.0 STARTTLS comes first\r\n\
          530 5.7.0 STARTTLS comes first\r\n250 mx\r\n250 2.0.0 done\r\n501 5.5.4 STARTTLS takes no arguments\r\n\
          220 2.0.0 begin TLS\r\n",
    ),
    (
        Dialect::Lmtp,
        b"EHLO me\r\nLHLO me\r\nSTARTTLS\r\n",
        b"220 mx LMTP\r\n530 5.7.0 STARTTLS comes first\r\n250-mx\r\n250-ENHANCEDSTATUSCODES\r\n250 STARTTLS\r\n\
          220 2.0.0 begin TLS\r\n",
    ),
    (
        Dialect::Imap,
        b"a capability\r\nb LOGIN me secret\r\nc SELECT inbox\r\nd NOOP\r\n(e) NOOP\r\nf starttls\r\n",
        b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] mx is ready\r\n\
          * CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\na OK CAPABILITY completed\r\n\
          b NO [PRIVACYREQUIRED] STARTTLS comes first\r\nc BAD STARTTLS comes first\r\nd OK NOOP completed\r\n\
          * BAD a command begins with a tag\r\nf OK begin TLS\r\n",
    ),
    (
        Dialect::Pop3,
        b"CAPA\r\nUSER me\r\nSTLS\r\n",
        b"+OK mx is ready\r\n+OK capabilities follow\r\nSTLS\r\n.\r\n-ERR STLS comes first\r\n+OK begin TLS\r\n",
    ),
    (
        Dialect::Nntp,
        b"CAPABILITIES\r\nMODE READER\r\nAUTHINFO USER me\r\nSTARTTLS\r\n",
        b"201 mx is ready\r\n101 capabilities follow\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n201 mx is ready\r\n\
          483 STARTTLS comes first\r\n382 begin TLS\r\n",
    ),
    (
        Dialect::Sieve,
        b"AUTHENTICATE \"PLAIN\"\r\nSTARTTLS\r\n",
        b"\"IMPLEMENTATION\" \"retwist\"\r\n\"SIEVE\" \"\"\r\n\"STARTTLS\"\r\n\"VERSION\" \"1.0\"\r\nOK \"mx is ready\"\r\n\
          NO (ENCRYPT-NEEDED) \"STARTTLS comes first\"\r\nOK \"begin TLS\"\r\n",
    ),
    (
        Dialect::Ftp,
        b"FEAT\r\nUSER me\r\nAUTH SSL\r\nauth tls\r\n",
        b"220 mx is ready\r\n211-features follow\r\n AUTH TLS\r\n211 end\r\n530 AUTH TLS comes first\r\n504 only AUTH TLS\r\n\
          234 begin TLS\r\n",
    ),
    (
        Dialect::Irc,
        b"CAP LS 302\r\nNICK me\r\nCAP REQ :sasl\r\nSTARTTLS\r\n",
        b":mx CAP * LS :tls\r\n:mx 451 * :STARTTLS comes first\r\n:mx CAP * NAK :only STARTTLS\r\n:mx 670 * :begin TLS\r\n",
    ),
    (
        Dialect::Xmpp,
        b"<?xml version='1.0'?> <stream:stream to=\"a>b.example\" xmlns='jabber:client' version='1.0'>\n\
          <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'></starttls>",
        b"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
          id='clear' from='ab.example' version='1.0'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>\
          <required/></starttls></stream:features><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    ),
    (
        // A simple bind, number 1, and StartTLS, number 300.
        Dialect::Ldap,
        b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00\x30\x84\x00\x00\x00\x1e\x02\x02\x01\x2c\x77\x18\
          \x80\x161.3.6.1.4.1.1466.20037",
        b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x0d\x04\x00\x04\x00\x30\x0d\x02\x02\x01\x2c\x78\x07\x0a\x01\x00\x04\x00\x04\x00",
    ),
    (
        Dialect::Postgres,
        b"\0\0\0\x08\x04\xd2\x16\x30\0\0\0\x08\x04\xd2\x16\x2f",
        b"NS",
    ),
    (Dialect::Postgres, b"\0\0\0\x08\x04\xd2\x16\x2f", b"S"),
    // TLS from the first byte.
    (Dialect::Postgres, b"", b""),
    (
        Dialect::Mysql,
        b"\x20\0\0\x01\x85\xae\x3e\0\0\0\0\x01\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"\x4c\0\0\0\x0a8.0.0-mx\0\x01\0\0\0abcdefgh\0\x0d\xaa\x2d\x02\0\x08\0\x15\0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0\
          mysql_native_password\0",
    ),
];

#[test]
fn a_server_shows_tls_and_refuses_all_else() {
    for (dialect, sent, said) in CONVERSATIONS {
        for cut in CUTS {
            // What comes behind in the same segment is for TLS.
            let bytes = [sent, b"\x16hello"].concat();
            let (above, recording) = heard(|above| server(dialect).wrap(above), &bytes, cut);
            let answer = recording.written();
            assert_eq!(
                answer.escape_ascii().to_string(),
                said.escape_ascii().to_string(),
                "{dialect}"
            );
            assert!(above.is_made(), "{dialect}");
            assert_eq!(*above.heard.borrow(), b"\x16hello", "{dialect}");
        }
    }
}

#[test]
fn a_server_lets_a_client_go() {
    for (dialect, sent, last) in [
        (
            Dialect::Smtp,
            &b"QUIT\r\n"[..],
            &b"221 2.0.0 mx closes\r\n"[..],
        ),
        (Dialect::Imap, b"a LOGOUT\r\n", b"a OK LOGOUT completed\r\n"),
        (
            Dialect::Imap,
            b"a LOGIN {2+}\r\n",
            b"* BYE a literal comes only behind TLS\r\n",
        ),
        (Dialect::Pop3, b"QUIT\r\n", b"+OK mx closes\r\n"),
        (Dialect::Nntp, b"QUIT\r\n", b"205 mx closes\r\n"),
        (Dialect::Sieve, b"LOGOUT\r\n", b"OK\r\n"),
        (Dialect::Ftp, b"QUIT\r\n", b"221 mx closes\r\n"),
        (Dialect::Irc, b"QUIT :bye\r\n", b"ERROR :as asked\r\n"),
        (
            Dialect::Xmpp,
            b"<stream:stream></stream:stream>",
            b"</stream:stream>",
        ),
        (Dialect::Ldap, b"\x30\x05\x02\x01\x01\x42\x00", b""),
        (
            Dialect::Postgres,
            b"\0\0\0\x10\x04\xd2\x16\x2eabcdefgh",
            b"",
        ),
        // A start in clear is told why not.
        (
            Dialect::Postgres,
            b"\0\0\0\x09\0\x03\0\0\0",
            b"set sslmode=require\0\0",
        ),
    ] {
        for cut in CUTS {
            let (above, recording) = heard(|above| server(dialect).wrap(above), sent, cut);
            assert!(!above.is_made(), "{dialect}");
            assert_eq!(above.error(), Some(StartTlsError::Left), "{dialect}");
            assert!(recording.written().ends_with(last), "{dialect}");
        }
    }
}

#[test]
fn a_server_bounds_what_comes_before_tls() {
    let patience = Duration::from_secs(5);
    let patient = || server(Dialect::Smtp).deadline(patience);
    let (above, _recording) = heard(
        |above| patient().wrap(above),
        &b"NOOP\r\n".repeat(100_000),
        usize::MAX,
    );
    assert_eq!(above.error(), Some(StartTlsError::TooManyCommands(64)));

    for (dialect, endless) in [
        (Dialect::Smtp, [&vec![b'x'; 60_000][..], b"\r\n"].concat()),
        (
            Dialect::Xmpp,
            [b"<a ", &vec![b'x'; 60_000][..], b">"].concat(),
        ),
        (Dialect::Ldap, b"\x30\x84\x7f\xff\xff\xff\x02\x01".to_vec()),
    ] {
        for cut in [1000, usize::MAX] {
            let (above, _recording) = heard(|above| server(dialect).wrap(above), &endless, cut);
            let error = Some(StartTlsError::TooLong(8192));
            assert_eq!(above.error(), error, "{dialect}");
        }
    }

    let (above, recording) = heard(|above| patient().wrap(above), b"EHLO me\r\nSTART", 3);
    recording.clock().advance(patience);
    recording.lose(Reason::Done);
    assert_eq!(above.error(), Some(OpeningError::TimedOut(patience)));
}

#[test]
fn a_name_cannot_break_out_of_a_line() {
    let (_, recording) = heard(
        |above| {
            StartTlsServer::new(Dialect::Smtp)
                .name("a\r\n250 b'>")
                .wrap(above)
        },
        b"",
        1,
    );
    assert_eq!(recording.written(), b"220 a250b ESMTP\r\n");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_server_takes_anything_at_any_cut(
        dialect in prop::sample::select(Dialect::ALL.to_vec()),
        bytes in vec(prop_oneof![any::<u8>(), prop::sample::select(b"\r\n<>/\x30\x02\x01\x77 {}+".to_vec())], 0..300),
        cut in 1_usize..40,
    ) {
        let whole = heard(|above| server(dialect).wrap(above), &bytes, usize::MAX);
        let pieces = heard(|above| server(dialect).wrap(above), &bytes, cut);
        prop_assert_eq!(whole.0.is_made(), pieces.0.is_made());
        prop_assert_eq!(&*whole.0.heard.borrow(), &*pieces.0.heard.borrow());
        prop_assert_eq!(whole.1.written(), pieces.1.written());
    }
}
