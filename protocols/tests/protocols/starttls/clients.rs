//! Clients of servers that say anything: without a yes there is no connection, and nothing in clear.

use retwist_protocols::{Dialect, Policy, StartTlsClient, StartTlsError};

use super::heard;
use crate::common::CUTS;

fn refused(dialect: Dialect, text: &str) -> StartTlsError {
    StartTlsError::Refused(dialect, text.into())
}

fn unexpected(dialect: Dialect, text: &str) -> StartTlsError {
    StartTlsError::Unexpected(dialect, text.into())
}

#[test]
fn a_client_says_why_there_is_no_tls() {
    use Dialect::{Ftp, Imap, Irc, Ldap, Mysql, Nntp, Pop3, Postgres, Sieve, Smtp, Xmpp};
    let cases: [(Dialect, &[u8], StartTlsError); 33] = [
        (Smtp, b"554 no\r\n", refused(Smtp, "554 no")),
        (Smtp, b"SSH-2.0-x\r\n", unexpected(Smtp, "SSH-2.0-x")),
        (Smtp, b"220 a\r\n250-a\r\n250 SIZE\r\n", StartTlsError::NotOffered(Smtp)),
        (Smtp, b"220 a\r\n250-a\r\n250 XSTARTTLS\r\n", StartTlsError::NotOffered(Smtp)),
        (Smtp, b"220 a\r\n250 STARTTLS\r\n454 4.7.0 later\r\n", refused(Smtp, "454 4.7.0 later")),
        (Smtp, b"220 a\r\n250 STARTTLS\r\n250 yes\r\n", refused(Smtp, "250 yes")),
        (Smtp, b"220 a\r\n502 what\r\n", refused(Smtp, "502 what")),
        (Imap, b"* PREAUTH hello\r\n", StartTlsError::Preauthenticated),
        (Imap, b"* BYE full\r\n", refused(Imap, "* BYE full")),
        (Imap, b"* OK a\r\ntls1 BAD no\r\n", refused(Imap, "tls1 BAD no")),
        (Imap, b"* OK a\r\n* BYE now\r\n", refused(Imap, "* BYE now")),
        // An answer before the question.
        (Imap, b"tls1 OK\r\n", unexpected(Imap, "tls1 OK")),
        (Imap, b"* OK a\r\ntls2 OK\r\n", unexpected(Imap, "tls2 OK")),
        (Pop3, b"+OK a\r\n-ERR no\r\n", refused(Pop3, "-ERR no")),
        (Pop3, b"OK\r\n", unexpected(Pop3, "OK")),
        (Nntp, b"200 a\r\n580 no\r\n", refused(Nntp, "580 no")),
        (Nntp, b"382 a\r\n", unexpected(Nntp, "382 a")),
        (Sieve, b"\"SIEVE\" \"\"\r\nOK\r\n", StartTlsError::NotOffered(Sieve)),
        (Sieve, b"\"STARTTLS\"\r\nOK\r\nNO \"x\"\r\n", refused(Sieve, "NO \"x\"")),
        (Ftp, b"220 a\r\n500 what\r\n", refused(Ftp, "500 what")),
        (Ftp, b"220-a\r\n234 x\r\n220 b\r\n331 x\r\n", unexpected(Ftp, "331 x")),
        (Irc, b":a NOTICE * :wait\r\n:a 691 * :no\r\n", refused(Irc, ":a 691 * :no")),
        (Xmpp, b"<stream:stream><stream:features></stream:features>", StartTlsError::NotOffered(Xmpp)),
        (
            Xmpp,
            b"<stream:stream><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features><failure/>",
            refused(Xmpp, "<failure/>"),
        ),
        (Ldap, b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\0\x04\0", refused(Ldap, "result code 52")),
        (Postgres, b"N", StartTlsError::NotOffered(Postgres)),
        (Postgres, b"E", unexpected(Postgres, "E")),
        // A greeting without TLS, an error in its place, one of an old protocol, one that breaks off, one with a wrong
        // number, and one without an end.
        (Mysql, b"\x18\0\0\0\x0a8\0\x01\0\0\0abcdefgh\0\x0d\xa2\x2d\x02\0\x08\0\x15", StartTlsError::NotOffered(Mysql)),
        (Mysql, b"\x09\0\0\0\xff\x10\x04so not", refused(Mysql, "so not")),
        (Mysql, b"\x05\0\0\0\x093.2\0", unexpected(Mysql, "\u{5}")),
        (Mysql, b"\x05\0\0\0\x0a8.0\0", unexpected(Mysql, "\u{5}")),
        (Mysql, b"\x05\0\0\x01\x0a8.0\0", unexpected(Mysql, "\u{5}")),
        (Mysql, b"\xff\xff\xff\0", StartTlsError::TooLong(8192)),
    ];
    for (dialect, bytes, error) in cases {
        for cut in CUTS {
            let client = StartTlsClient::new(dialect).name("me");
            let (above, recording) = heard(|above| client.wrap(above), bytes, cut);
            assert_eq!(
                above.error(),
                Some(error.clone()),
                "{}",
                bytes.escape_ascii()
            );
            assert!(!above.is_made());
            let said = String::from_utf8_lossy(&recording.written()).into_owned();
            assert!(!said.contains("LOGIN") && !said.contains("PASS"), "{said}");
        }
    }
}

#[test]
fn what_comes_behind_the_yes_goes_to_tls() {
    for (dialect, bytes) in [
        (
            Dialect::Smtp,
            &b"220 a\r\n250 STARTTLS\r\n220 go\r\n250 injected\r\n"[..],
        ),
        (Dialect::Imap, b"* OK a\r\ntls1 OK go\r\n250 injected\r\n"),
        (Dialect::Postgres, b"S250 injected\r\n"),
        (
            Dialect::Mysql,
            b"\x18\0\0\0\x0a8\0\x01\0\0\0abcdefgh\0\x0d\xaa\x2d\x02\0\x08\0\x15250 injected\r\n",
        ),
    ] {
        for cut in CUTS {
            let client = StartTlsClient::new(dialect).name("me");
            let (above, _recording) = heard(|above| client.wrap(above), bytes, cut);
            assert!(above.is_made());
            assert_eq!(*above.heard.borrow(), b"250 injected\r\n");
        }
    }
}
