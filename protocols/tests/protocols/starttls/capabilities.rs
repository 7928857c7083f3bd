//! A server that would offer TLS inside TLS.

use retwist_protocols::{Dialect, HideStartTls, PlainClient, PlainServer, Policy, StartTlsError};

use super::heard;
use crate::common::{CUTS, Ear};
use retwist_reactor::testing::RecordingTransport;

/// What the client asks, what the server says, and what of it the client sees.
type Conversation = (Dialect, &'static [u8], &'static [u8], &'static [u8]);

const REPLIES: [Conversation; 16] = [
    (
        Dialect::Smtp,
        b"EHLO me\r\n",
        b"250-a\r\n250-SIZE 10\r\n250 STARTTLS\r\n",
        b"250-a\r\n250 SIZE 10\r\n",
    ),
    (
        Dialect::Smtp,
        b"EHLO me\r\nMAIL FROM:<a@b>\r\n",
        b"250-a\r\n250-starttls\r\n250 PIPELINING\r\n250 ok\r\n250 STARTTLS\r\n",
        b"250-a\r\n250 PIPELINING\r\n250 ok\r\n250 STARTTLS\r\n",
    ),
    // It is not asked for capabilities: a text is a text.
    (Dialect::Smtp, b"DATA\r\n", b"250 STARTTLS\r\n", b"250 STARTTLS\r\n"),
    (Dialect::Lmtp, b"lhlo me\r\n", b"250-a\r\n250 STARTTLS\r\n", b"250 a\r\n"),
    (
        Dialect::Imap,
        b"a CAPABILITY\r\nb LOGIN me x\r\n",
        b"* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\na OK done\r\n* CAPABILITY STARTTLS\r\n",
        b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\na OK done\r\n* CAPABILITY STARTTLS\r\n",
    ),
    (
        Dialect::Imap,
        b"a CAPABILITY\r\n",
        b"a OK [CAPABILITY IMAP4rev1 STARTTLS] done\r\n",
        b"a OK [CAPABILITY IMAP4rev1] done\r\n",
    ),
    (
        Dialect::Irc,
        b"CAP LS 302\r\n",
        b":a CAP * LS * :batch tls\r\n:a CAP * LS :sasl tls\r\n",
        b":a CAP * LS * :batch\r\n:a CAP * LS :sasl\r\n",
    ),
    (
        Dialect::Pop3,
        b"CAPA\r\nRETR 1\r\n",
        b"+OK\r\nUIDL\r\nSTLS\r\n.\r\n+OK\r\nSTLS\r\n.\r\n",
        b"+OK\r\nUIDL\r\n.\r\n+OK\r\nSTLS\r\n.\r\n",
    ),
    (Dialect::Pop3, b"CAPA\r\n", b"-ERR what\r\n", b"-ERR what\r\n"),
    (
        Dialect::Nntp,
        b"CAPABILITIES\r\n",
        b"101 x\r\nSTARTTLS\r\nREADER\r\n.\r\n",
        b"101 x\r\nREADER\r\n.\r\n",
    ),
    (
        Dialect::Sieve,
        b"",
        b"\"SIEVE\" \"fileinto\"\r\n\"STARTTLS\"\r\nOK\r\n",
        b"\"SIEVE\" \"fileinto\"\r\nOK\r\n",
    ),
    (
        Dialect::Ftp,
        b"FEAT\r\n",
        b"211-x\r\n AUTH TLS;SSL\r\n UTF8\r\n211 end\r\n",
        b"211-x\r\n UTF8\r\n211 end\r\n",
    ),
    (
        Dialect::Xmpp,
        b"<stream:stream>",
        b"<stream:stream><stream:features><starttls xmlns='x'><required/></starttls><sm/></stream:features><starttls/>",
        b"<stream:stream><stream:features><sm/></stream:features><starttls/>",
    ),
    // Nor a login that is bound to TLS. What the server says later stays as it is.
    (
        Dialect::Postgres,
        b"\0\0\0\x09\0\x03\0\0\0",
        b"R\0\0\0\x2a\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0behind",
        b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0behind",
    ),
    (
        Dialect::Postgres,
        b"\0\0\0\x09\0\x03\0\0\0",
        b"v\0\0\0\x05xR\0\0\0\x08\0\0\0\0R\0\0\0\x1c\0\0\0\x0aSCRAM-SHA-256-PLUS\0\0",
        b"v\0\0\0\x05xR\0\0\0\x08\0\0\0\0R\0\0\0\x1c\0\0\0\x0aSCRAM-SHA-256-PLUS\0\0",
    ),
    (
        Dialect::Postgres,
        b"\0\0\0\x09\0\x03\0\0\0",
        b"v\0\0\0\x05xR\0\0\0\x1c\0\0\0\x0aSCRAM-SHA-256-PLUS\0\0",
        b"v\0\0\0\x05xR\0\0\0\x09\0\0\0\x0a\0",
    ),
];

#[test]
fn a_client_with_tls_is_offered_no_other() {
    for (dialect, asked, said, seen) in REPLIES {
        for cut in CUTS {
            let client = Ear::default();
            let server =
                RecordingTransport::connect(HideStartTls::new(dialect).wrap(client.clone()));
            for piece in asked.chunks(cut) {
                client.transport().write(piece);
            }
            for piece in said.chunks(cut) {
                server.receive(piece);
            }
            let heard = client.heard.borrow();
            assert_eq!(
                heard.escape_ascii().to_string(),
                seen.escape_ascii().to_string(),
                "{dialect}"
            );
            assert_eq!(server.written(), asked, "{dialect}");
        }
    }
}

#[test]
fn the_rest_of_a_reply_is_not_lost() {
    let client = Ear::default();
    let server = RecordingTransport::connect(HideStartTls::new(Dialect::Smtp).wrap(client.clone()));
    client.transport().write(b"EHLO me\r\n");
    server.receive(b"250-a\r\n250-STARTTLS");
    server.end_input();
    assert_eq!(*client.heard.borrow(), b"250-a\r\n250-STARTTLS");
}

#[test]
fn an_answer_without_an_offer_waits_for_nothing() {
    let client = Ear::default();
    let policy = HideStartTls::new(Dialect::Postgres);
    let server = RecordingTransport::connect(policy.wrap(client.clone()));
    // An error whose length says more than has come.
    server.receive(b"E\0\0\0\x20SFATAL");
    assert_eq!(*client.heard.borrow(), b"E\0\0\0\x20SFATAL");
}

#[test]
fn a_reply_without_an_end_is_shown_as_it_is() {
    let client = Ear::default();
    let server = RecordingTransport::connect(HideStartTls::new(Dialect::Pop3).wrap(client.clone()));
    client.transport().write(b"CAPA\r\n");
    let endless = [b"+OK\r\n", &b"X\r\n".repeat(20_000)[..]].concat();
    for piece in endless.chunks(1000) {
        server.receive(piece);
    }
    assert_eq!(client.heard.borrow().len(), endless.len());
}

#[test]
fn a_greeting_comes_in_place_of_one_that_came_in_clear() {
    for (dialect, greeting) in [
        (Dialect::Smtp, &b"220 mx ESMTP\r\n"[..]),
        (Dialect::Imap, b"* OK mx is ready\r\n"),
        (Dialect::Pop3, b"+OK mx is ready\r\n"),
        (Dialect::Sieve, b""),
        (Dialect::Postgres, b""),
    ] {
        let client = Ear::default();
        let policy = HideStartTls::new(dialect).greeting("mx");
        let _server = RecordingTransport::connect(policy.wrap(client.clone()));
        assert_eq!(*client.heard.borrow(), greeting, "{dialect}");
    }
}

#[test]
fn the_greeting_of_a_plain_server_is_taken() {
    let cases: [(Dialect, &[u8], Option<&str>); 8] = [
        (Dialect::Smtp, b"220-a\r\n220 b\r\n", None),
        (
            Dialect::Smtp,
            b"421-full\r\n421 now\r\n",
            Some("421-full\r\n421 now"),
        ),
        (Dialect::Imap, b"* OK a\r\n", None),
        (Dialect::Imap, b"* BYE a\r\n", Some("* BYE a")),
        (Dialect::Pop3, b"+OK a\r\n", None),
        (Dialect::Nntp, b"400 no\r\n", Some("400 no")),
        (Dialect::Ftp, b"220-a\r\nb\r\n220 c\r\n", None),
        (Dialect::Sieve, b"", None),
    ];
    for (dialect, greeting, refused) in cases {
        for cut in CUTS {
            let bytes = [greeting, b"behind"].concat();
            let (above, _recording) =
                heard(|above| PlainServer::new(dialect).wrap(above), &bytes, cut);
            let error = refused.map(|text| StartTlsError::Refused(dialect, text.into()));
            assert_eq!(above.error(), error, "{dialect}");
            if error.is_none() {
                assert_eq!(*above.heard.borrow(), b"behind", "{dialect}");
            }
        }
    }
}

#[test]
fn a_client_in_clear_is_told_that_there_is_no_tls() {
    let start = b"\0\0\0\x09\0\x03\0\0\0";
    let tls = b"\0\0\0\x08\x04\xd2\x16\x2f";
    let gss = b"\0\0\0\x08\x04\xd2\x16\x30";
    for (dialect, sent, said, seen) in [
        (
            Dialect::Postgres,
            [&gss[..], tls, start].concat(),
            &b"NN"[..],
            &start[..],
        ),
        (Dialect::Postgres, start.to_vec(), b"", start),
        (
            Dialect::Imap,
            b"a STARTTLS\r\n".to_vec(),
            b"",
            b"a STARTTLS\r\n",
        ),
    ] {
        for cut in CUTS {
            let (above, recording) =
                heard(|above| PlainClient::new(dialect).wrap(above), &sent, cut);
            assert_eq!(recording.written(), said);
            assert_eq!(*above.heard.borrow(), seen);
        }
    }
}
