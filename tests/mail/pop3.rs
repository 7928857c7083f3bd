//! The POP3 client, with servers that keep to the rules and servers that do not.

use std::time::Duration;

use retwist::mail::pop3::{Pop3, Pop3Options};
use retwist::mail::{Login, MailError, StartTls};
use retwist::testing::RecordingTransport;
use retwist::tls::start_tls;
use retwist::{Producer, error_chain};

use crate::server::Step::{self, Abort, Close, Dribble, Hear, Say, Tls, WrongTls};
use crate::server::{CUTS, Trust, sink, slot};

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Off,
    Opportunistic,
    Required,
}

fn options(trust: &Trust, mode: Mode, in_clear: bool) -> Pop3Options {
    let role = trust.client("mail.example.org");
    let start = move |transport: &retwist::TransportRef| start_tls(transport, role.clone());
    let login = Login::new("ann", "pencil");
    let login = if in_clear {
        login.even_in_clear()
    } else {
        login
    };
    Pop3Options::new().login(login).start_tls(match mode {
        Mode::Off => StartTls::off(),
        Mode::Opportunistic => StartTls::opportunistic(start),
        Mode::Required => StartTls::required(start),
    })
}

#[test]
fn a_session_through_tls_and_authentication_at_any_cut() {
    let trust = Trust::new();
    for cut in CUTS {
        let (protocol, pop3) = Pop3::new(options(&trust, Mode::Required, false));
        let (stat, done) = slot();
        pop3.stat(done);
        let (list, done) = slot();
        pop3.list(done);
        let (names, done) = slot();
        pop3.uidl(done);
        let (text, into) = sink();
        let (retrieved, done) = slot();
        pop3.retrieve(1, into, done);
        let (top, done) = slot();
        pop3.top(9, 0, |_| {}, done);
        let (deleted, done) = slot();
        pop3.delete(1, done);
        let (left, done) = slot();
        pop3.quit(done);
        let script = [
            Say("+OK hello\r\n"),
            Hear("CAPA"),
            // SASL in clear is not believed.
            Say("+OK\r\nSASL LOGIN\r\nSTLS\r\n.\r\n"),
            Hear("STLS"),
            Say("+OK go\r\n"),
            Tls,
            Hear("CAPA"),
            Say("+OK\r\nSASL PLAIN\r\nUIDL\r\n.\r\n"),
            Hear("AUTH PLAIN"),
            Say("+ \r\n"),
            Hear("AGFubgBwZW5jaWw="),
            Say("+OK welcome\r\n"),
            Hear("STAT"),
            Say("+OK 2 320\r\n"),
            Hear("LIST"),
            Say("+OK\r\n1 120 extra\r\n2 200\r\n.\r\n"),
            Hear("UIDL"),
            Say("+OK\r\n1 a.b\r\n2 c\r\n.\r\n"),
            Hear("RETR 1"),
            Say("+OK\r\n..\r\n...\r\na.\r\n.\rb\r\n\n.\n\r\n\r\n.\r\n"),
            Hear("TOP 9 0"),
            Say("-ERR no such message\r\n"),
            Hear("DELE 1"),
            Say("+OK\r\n"),
            Hear("QUIT"),
            Say("+OK bye\r\n"),
        ];
        let (_pair, _) = trust.pair(protocol, &script, cut);
        let stat = stat.take().pop().unwrap().unwrap();
        assert_eq!((stat.messages, stat.bytes), (2, 320));
        assert_eq!(list.take().pop().unwrap().unwrap(), [(1, 120), (2, 200)]);
        let names = names.take().pop().unwrap().unwrap();
        assert_eq!(names, [(1, "a.b".to_owned()), (2, "c".to_owned())]);
        let expected = ".\r\n..\r\na.\r\n\rb\r\n\n.\n\r\n\r\n";
        assert_eq!(
            String::from_utf8(text.take()).unwrap(),
            expected,
            "cut {cut}"
        );
        assert_eq!(
            retrieved.take().pop().unwrap().unwrap(),
            expected.len() as u64
        );
        let refused = top.take().pop().unwrap().unwrap_err();
        let words = "the server refuses (TOP): -ERR no such message";
        assert_eq!(refused.to_string(), words);
        assert!(deleted.take().pop().unwrap().is_ok());
        assert!(left.take().pop().unwrap().is_ok());
    }
}

#[test]
fn an_old_server_hears_user_and_pass_where_that_may_be_said() {
    let trust = Trust::new();
    let script = [
        Say("+OK hello\r\n"),
        Hear("CAPA"),
        Say("-ERR what?\r\n"),
        Hear("USER ann"),
        Say("+OK\r\n"),
        Hear("PASS pencil"),
        Say("-ERR [AUTH] no\r\n"),
    ];
    for cut in CUTS {
        let (protocol, pop3) = Pop3::new(options(&trust, Mode::Off, true));
        let (stat, done) = slot();
        pop3.stat(done);
        let (_pair, heard) = trust.pair(protocol, &script, cut);
        assert_eq!(heard.borrow().len(), 3);
        let error = stat.take().pop().unwrap().unwrap_err();
        assert!(
            matches!(
                error,
                MailError::Refused {
                    command: "PASS",
                    ..
                }
            ),
            "{error}"
        );

        for mode in [Mode::Off, Mode::Opportunistic] {
            let (protocol, pop3) = Pop3::new(options(&trust, mode, false));
            let (stat, done) = slot();
            pop3.stat(done);
            let (_pair, heard) = trust.pair(protocol, &script, cut);
            assert_eq!(*heard.borrow(), ["CAPA"]);
            assert!(matches!(
                stat.take().pop().unwrap(),
                Err(MailError::Sasl(_))
            ));
        }
    }
}

#[test]
fn servers_that_lie_stall_and_break_off() {
    const HELLO: [Step; 3] = [
        Say("+OK hello\r\n"),
        Hear("CAPA"),
        Say("+OK\r\nSTLS\r\nSASL PLAIN\r\n.\r\n"),
    ];
    const IN: [Step; 5] = [
        Say("+OK hello\r\n"),
        Hear("CAPA"),
        Say("-ERR\r\n"),
        Hear("USER"),
        Say("+OK\r\n"),
    ];
    let failed = "the TLS that the server agreed to start failed";
    let cases: &[(&str, Mode, &[&[Step]], &str)] = &[
        (
            "no TLS",
            Mode::Required,
            &[&[Say("+OK hi\r\n"), Hear("CAPA"), Say("+OK\r\n.\r\n")]],
            "the server does not offer STARTTLS",
        ),
        (
            "no CAPA",
            Mode::Required,
            &[&[Say("+OK hi\r\n"), Hear("CAPA"), Say("-ERR\r\n")]],
            "the server does not offer STARTTLS",
        ),
        (
            "TLS refused",
            Mode::Required,
            &[&HELLO, &[Hear("STLS"), Say("-ERR not now\r\n")]],
            "the server refuses (STLS): -ERR not now",
        ),
        (
            "yes, and on in clear",
            Mode::Required,
            &[&HELLO, &[Hear("STLS"), Say("+OK\r\n+OK you are in\r\n")]],
            failed,
        ),
        (
            "the same, opportunistic",
            Mode::Opportunistic,
            &[&HELLO, &[Hear("STLS"), Say("+OK\r\n+OK you are in\r\n")]],
            failed,
        ),
        (
            "more behind its yes",
            Mode::Required,
            &[&HELLO, &[Hear("STLS"), Say("+OK\r\n+OK\r\n.\r\n"), Tls]],
            failed,
        ),
        (
            "yes, and gone",
            Mode::Required,
            &[&HELLO, &[Hear("STLS"), Say("+OK\r\n"), Close]],
            failed,
        ),
        (
            "yes, and nothing",
            Mode::Required,
            &[&HELLO, &[Hear("STLS"), Say("+OK\r\n")]],
            failed,
        ),
        (
            "never an answer",
            Mode::Required,
            &[&HELLO, &[Hear("STLS")]],
            "the server did not answer within 60 s (STLS)",
        ),
        (
            "an unknown certificate",
            Mode::Required,
            &[&HELLO, &[Hear("STLS"), Say("+OK\r\n"), WrongTls]],
            failed,
        ),
        (
            "TLS that ends in the middle",
            Mode::Required,
            &[
                &HELLO,
                &[Hear("STLS"), Say("+OK\r\n"), Tls, Hear("CAPA"), Abort],
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
            "a refusal to talk",
            Mode::Off,
            &[&[Say("-ERR too many\r\n")]],
            "the server refuses (greeting): -ERR too many",
        ),
        (
            "another protocol",
            Mode::Off,
            &[&[Say("220 hello\r\n")]],
            "the server sent \"220 hello\" in reply to greeting",
        ),
        (
            "a challenge out of place",
            Mode::Off,
            &[&[Say("+ abc\r\n")]],
            "the server sent \"+ abc\" in reply to greeting",
        ),
        (
            "byte by byte",
            Mode::Off,
            &[&[Dribble]],
            "the server did not answer within 60 s (greeting)",
        ),
        (
            "gone",
            Mode::Off,
            &[&IN, &[Hear("PASS"), Close]],
            "the server closed the connection before it answered",
        ),
        (
            "an endless list",
            Mode::Off,
            &[
                &IN,
                &[
                    Hear("PASS"),
                    Say("+OK\r\n"),
                    Hear("LIST"),
                    Say("+OK\r\n1 2\r\n"),
                ],
            ],
            "the server did not answer within 60 s (LIST)",
        ),
        (
            "half a list",
            Mode::Off,
            &[
                &IN,
                &[
                    Hear("PASS"),
                    Say("+OK\r\n"),
                    Hear("LIST"),
                    Say("+OK\r\n1 2\r\n"),
                    Close,
                ],
            ],
            "the server closed the connection before it answered",
        ),
        (
            "a list of words",
            Mode::Off,
            &[
                &IN,
                &[
                    Hear("PASS"),
                    Say("+OK\r\n"),
                    Hear("LIST"),
                    Say("+OK\r\n1 two\r\n.\r\n"),
                ],
            ],
            "the server sent \"1 two\" in reply to LIST",
        ),
    ];
    let trust = Trust::new();
    for (name, mode, script, words) in cases {
        for cut in CUTS {
            let (protocol, pop3) = Pop3::new(options(&trust, *mode, *mode == Mode::Off));
            let (list, done) = slot();
            pop3.list(done);
            let (pair, heard) = trust.pair(protocol, &script.concat(), cut);
            pair.advance(Duration::from_secs(3600));
            let error = list.take().pop().expect("an outcome").unwrap_err();
            let said = error_chain(&error);
            assert!(said.starts_with(words), "{name}, cut {cut}: {said}");
            let heard = heard.borrow();
            let secret = |line: &String| line.contains("pencil") || line.contains("AGFubg");
            assert!(
                *mode == Mode::Off || !heard.iter().any(secret),
                "{name}: {heard:?}"
            );
        }
    }
}

/// A client that is in, without a password.
fn ready(options: Pop3Options) -> (RecordingTransport, Pop3) {
    let (protocol, pop3) = Pop3::new(options);
    let server = RecordingTransport::connect(protocol);
    server.receive(b"+OK hello\r\n");
    server.receive(b"-ERR what?\r\n");
    server.take_written();
    (server, pop3)
}

#[test]
fn floods_are_bounded() {
    let (server, pop3) = ready(Pop3Options::new().max_message(10));
    let (text, into) = sink();
    let (done, outcome) = slot();
    pop3.retrieve(1, into, outcome);
    server.receive(b"+OK\r\n01234567890\r\n");
    let error = done.take().pop().unwrap().unwrap_err();
    assert!(matches!(error, MailError::TooLong(10)));
    assert!(text.borrow().len() <= 10 && server.is_closing());

    let (server, pop3) = ready(Pop3Options::new());
    let (done, outcome) = slot();
    pop3.list(outcome);
    server.receive(b"+OK\r\n");
    for _ in 0..17 {
        server.receive(&b"1 2\r\n".repeat(210_000));
    }
    assert!(matches!(
        done.take().pop().unwrap(),
        Err(MailError::TooLong(_))
    ));

    let (server, pop3) = ready(Pop3Options::new());
    let (done, outcome) = slot();
    pop3.stat(outcome);
    server.receive(&[b'+'; 5000]);
    assert!(matches!(
        done.take().pop().unwrap(),
        Err(MailError::TooLong(_))
    ));
}

#[test]
fn a_client_that_is_paused_reads_nothing_and_is_not_late() {
    let (server, pop3) = ready(Pop3Options::new());
    let (text, into) = sink();
    let (done, outcome) = slot();
    pop3.retrieve(1, into, outcome);
    server.receive(b"+OK\r\none\r\n");
    assert_eq!(*text.borrow(), b"one\r\n");
    pop3.pause_producing();
    server.receive(b"two\r\n");
    assert!(server.is_paused());
    server.clock().advance(Duration::from_secs(3600));
    assert_eq!(*text.borrow(), b"one\r\n");
    pop3.resume_producing();
    server.receive(b".\r\n");
    assert_eq!(*text.borrow(), b"one\r\ntwo\r\n");
    assert_eq!(done.take().pop().unwrap().unwrap(), 10);
    // What nothing asked for ends the session.
    server.receive(b"+OK\r\n");
    assert!(pop3.is_over());
}
