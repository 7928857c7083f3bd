//! Servers of IMAP that lie, stall, and break off; and hosts between the two.

use std::time::Duration;

use retwist::error_chain;
use retwist::mail::imap::Imap;

use crate::imap::{Mode, options};
use crate::server::Step::{self, Abort, Close, Dribble, Hear, Say, Tls, WrongTls};
use crate::server::{CUTS, Trust, slot};

#[test]
fn servers_that_lie_stall_and_break_off() {
    const HELLO: [Step; 3] = [
        Say("* OK hello\r\n"),
        Hear("a1 CAPABILITY"),
        Say("* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\na1 OK\r\n"),
    ];
    const IN: [Step; 7] = [
        Say("* OK hello\r\n"),
        Hear("a1 CAPABILITY"),
        Say("* CAPABILITY IMAP4rev1\r\na1 OK\r\n"),
        Hear("a2 LOGIN \"ann\" \"pen\\\"cil\""),
        Say("a2 OK\r\n"),
        Hear("a3 CAPABILITY"),
        Say("* CAPABILITY IMAP4rev1\r\na3 OK\r\n"),
    ];
    const FETCH: [Step; 1] = [Hear("a4 UID FETCH 7")];
    let failed = "the TLS that the server agreed to start failed";
    let too_long = "the server sent more than 1048576 bytes";
    let cases: &[(&str, Mode, &[&[Step]], &str)] = &[
        (
            "no TLS",
            Mode::Required,
            &[&[
                Say("* OK hi\r\n"),
                Hear("a1"),
                Say("* CAPABILITY IMAP4rev1\r\na1 OK\r\n"),
            ]],
            "the server does not offer STARTTLS",
        ),
        (
            "PREAUTH",
            Mode::Required,
            &[&[Say("* PREAUTH welcome\r\n")]],
            "the server has authenticated the client already, so TLS cannot start",
        ),
        (
            "TLS refused",
            Mode::Required,
            &[&HELLO, &[Hear("a2 STARTTLS"), Say("a2 NO not now\r\n")]],
            "the server refuses (STARTTLS): NO not now",
        ),
        (
            "yes, and on in clear",
            Mode::Required,
            &[
                &HELLO,
                &[Hear("a2 STARTTLS"), Say("a2 OK\r\n* OK you are in\r\n")],
            ],
            failed,
        ),
        (
            "the same, opportunistic",
            Mode::Opportunistic,
            &[&HELLO, &[Hear("a2 STARTTLS"), Say("a2 OK\r\na3 OK\r\n")]],
            failed,
        ),
        (
            "more behind its yes",
            Mode::Required,
            &[
                &HELLO,
                &[
                    Hear("a2 STARTTLS"),
                    Say("a2 OK\r\n* CAPABILITY AUTH=LOGIN\r\na3 OK\r\n"),
                    Tls,
                ],
            ],
            failed,
        ),
        (
            "yes, and gone",
            Mode::Required,
            &[&HELLO, &[Hear("a2 STARTTLS"), Say("a2 OK\r\n"), Close]],
            failed,
        ),
        (
            "yes, and nothing",
            Mode::Required,
            &[&HELLO, &[Hear("a2 STARTTLS"), Say("a2 OK\r\n")]],
            failed,
        ),
        (
            "never an answer",
            Mode::Required,
            &[&HELLO, &[Hear("a2 STARTTLS")]],
            "the server did not answer within 60 s (STARTTLS)",
        ),
        (
            "an unknown certificate",
            Mode::Required,
            &[&HELLO, &[Hear("a2 STARTTLS"), Say("a2 OK\r\n"), WrongTls]],
            failed,
        ),
        (
            "TLS that ends in the middle",
            Mode::Required,
            &[
                &HELLO,
                &[
                    Hear("a2 STARTTLS"),
                    Say("a2 OK\r\n"),
                    Tls,
                    Hear("a3"),
                    Abort,
                ],
            ],
            "the connection ended before the server answered",
        ),
        (
            "no greeting",
            Mode::Off,
            &[],
            "the server did not answer within 60 s (greeting)",
        ),
        (
            "a goodbye for a greeting",
            Mode::Off,
            &[&[Say("* BYE full\r\n")]],
            "the server refuses (greeting): BYE full",
        ),
        (
            "another protocol",
            Mode::Off,
            &[&[Say("220 hello\r\n")]],
            "the server sent \"220 hello\" in reply to greeting",
        ),
        (
            "byte by byte",
            Mode::Off,
            &[&[Dribble]],
            "the server did not answer within 60 s (greeting)",
        ),
        (
            "a tag of no command",
            Mode::Off,
            &[&[Say("* OK\r\n"), Hear("a1"), Say("a9 OK\r\n")]],
            "the server sent \"OK\" in reply to CAPABILITY",
        ),
        (
            "a goodbye",
            Mode::Off,
            &[&IN, &FETCH, &[Say("* BYE maintenance\r\n"), Close]],
            "the server refuses (FETCH): BYE maintenance",
        ),
        (
            "gone",
            Mode::Off,
            &[&IN, &FETCH, &[Close]],
            "the server closed the connection before it answered",
        ),
        (
            "gone in a literal",
            Mode::Off,
            &[
                &IN,
                &FETCH,
                &[Say("* 1 FETCH (BODY[] {100}\r\nhello"), Close],
            ],
            "the server closed the connection before it answered",
        ),
        (
            "a message of 2^63 bytes",
            Mode::Off,
            &[
                &IN,
                &FETCH,
                &[Say("* 1 FETCH (BODY[] {9223372036854775808}\r\nhello")],
            ],
            "the server sent more than 268435456 bytes",
        ),
        (
            "a message of 10^30 bytes",
            Mode::Off,
            &[
                &IN,
                &FETCH,
                &[Say(
                    "* 1 FETCH (BODY[] {1000000000000000000000000000000}\r\n",
                )],
            ],
            "the server sent more than 268435456 bytes",
        ),
        (
            "a literal of 2^63 bytes",
            Mode::Off,
            &[
                &IN,
                &FETCH,
                &[Say("* LIST () NIL {9223372036854775808}\r\nhello")],
            ],
            too_long,
        ),
        (
            "a literal of 2^64 - 1 bytes",
            Mode::Off,
            &[
                &IN,
                &FETCH,
                &[Say("* LIST () NIL {18446744073709551615}\r\nhello")],
            ],
            too_long,
        ),
        (
            "a second text",
            Mode::Off,
            &[
                &IN,
                &FETCH,
                &[Say(
                    "* 1 FETCH (BODY[] {2}\r\nhi)\r\n* 2 FETCH (BODY[] {2000000}\r\n",
                )],
            ],
            too_long,
        ),
        (
            "lists in lists",
            Mode::Off,
            &[
                &IN,
                &FETCH,
                &[Say("* ((((((((((((((((((((x))))))))))))))))))))\r\n")],
            ],
            "the server sent \"* ((((",
        ),
        (
            "half a list",
            Mode::Off,
            &[&IN, &FETCH, &[Say("* 1 FETCH (UID 7\r\n")]],
            "the server sent \"* 1 FETCH (UID 7\" in reply to FETCH",
        ),
        (
            "a question out of place",
            Mode::Off,
            &[&IN, &FETCH, &[Say("+ go on\r\n")]],
            "the server sent \"+ go on\" in reply to FETCH",
        ),
        (
            "refused",
            Mode::Off,
            &[&IN, &FETCH, &[Say("a4 NO [NONEXISTENT] no\r\n")]],
            "the server refuses (FETCH): NO [NONEXISTENT] no",
        ),
    ];
    let trust = Trust::new();
    for (name, mode, script, words) in cases {
        for cut in CUTS {
            let (protocol, imap) = Imap::new(options(&trust, *mode, *mode == Mode::Off));
            let (fetched, done) = slot();
            imap.fetch(7, |_| {}, done);
            let (pair, heard) = trust.pair(protocol, &script.concat(), cut);
            pair.advance(Duration::from_secs(3600));
            let error = fetched.take().pop().expect("an outcome").unwrap_err();
            let said = error_chain(&error);
            assert!(said.starts_with(words), "{name}, cut {cut}: {said}");
            let heard = heard.borrow();
            let secret = |line: &String| line.contains("cil") || line.contains("AGFubg");
            assert!(
                *mode == Mode::Off || !heard.iter().any(secret),
                "{name}: {heard:?}"
            );
        }
    }
}
