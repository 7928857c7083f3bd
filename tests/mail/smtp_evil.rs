//! Servers of SMTP that lie, stall, and break off; and hosts between the two.

use std::time::Duration;

use retwist::error_chain;
use retwist::protocols::mail::smtp::{Delivery, Mail, SendError, Smtp, SmtpOptions};
use retwist::protocols::mail::{Login, StartTls};
use retwist::tls::start_tls;

use crate::server::Step::{self, Abort, Close, Dribble, Hear, HearBody, Say};
use crate::server::{CUTS, Trust, slot};

const TEXT: &str = "Subject: the plan\n\nsecret\n";

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    Off,
    Opportunistic,
    Required,
    /// Required, of a server with another name.
    OtherName,
}

/// What a program hears: whether the message was sent, and the words about it.
fn in_words(outcome: Result<Delivery, SendError>) -> String {
    match outcome {
        Ok(delivery) => format!("sent: {delivery}"),
        Err(error) if error.may_have_been_taken() => format!("unknown: {}", error_chain(&error)),
        Err(error) => format!("not sent: {}", error_chain(&error)),
    }
}

/// Sends a message to a server with this script, and lets an hour pass.
pub(crate) fn send(
    trust: &Trust,
    mode: Mode,
    login: bool,
    script: &[Step],
    cut: usize,
) -> (String, Vec<String>) {
    let name = if mode == Mode::OtherName {
        "other.example.org"
    } else {
        "mail.example.org"
    };
    let role = trust.client(name);
    let start = move |transport: &retwist::TransportRef| start_tls(transport, role.clone());
    let mut options = SmtpOptions::new().start_tls(match mode {
        Mode::Off => StartTls::off(),
        Mode::Opportunistic => StartTls::opportunistic(start),
        Mode::Required | Mode::OtherName => StartTls::required(start),
    });
    if login {
        options = options.login(Login::new("ann", "pencil"));
    }
    let (protocol, smtp) = Smtp::new(options);
    let (sent, done) = slot();
    smtp.send(Mail::new("me@x", ["a@x", "b@x"], TEXT), done);
    let (pair, heard) = trust.pair(protocol, script, cut);
    pair.advance(Duration::from_secs(3600));
    let mut outcomes = sent.take();
    assert_eq!(outcomes.len(), 1, "one outcome for one message");
    let heard = heard.borrow().clone();
    (in_words(outcomes.remove(0)), heard)
}

pub(crate) const GREETING: Step = Say("220 hello\r\n");
pub(crate) const OFFERS: Step = Say("250-hello\r\n250 STARTTLS\r\n");
pub(crate) const NO_TLS: Step = Say("250-hello\r\n250 PIPELINING\r\n");

#[test]
fn servers_that_break_the_rules() {
    const HELLO: [Step; 3] = [GREETING, Hear("EHLO"), NO_TLS];
    const ENVELOPE: [Step; 4] = [
        Hear("MAIL"),
        Hear("RCPT"),
        Hear("RCPT"),
        Say("250 ok\r\n250 ok\r\n550 no\r\n"),
    ];
    let cases: &[(&str, &[&[Step]], &str)] = &[
        (
            "no greeting",
            &[],
            "not sent: the message was not sent: the server did not answer within 300 s (greeting)",
        ),
        (
            "a refusal to talk",
            &[&[Say("554 go away\r\n")]],
            "not sent: the message was not sent: the server refuses (greeting): 554 go away",
        ),
        (
            "another protocol",
            &[&[Say("SSH-2.0-OpenSSH\r\n")]],
            "not sent: the message was not sent: the server sent \"SSH-2.0-OpenSSH\" in reply to greeting",
        ),
        (
            "a code of no meaning",
            &[&[Say("999 what\r\n")]],
            "not sent: the message was not sent: the server sent \"999 what\" in reply to greeting",
        ),
        (
            "two codes in a reply",
            &[&[Say("220-a\r\n250 b\r\n")]],
            "not sent: the message was not sent: the server sent \"250 b\" in reply to greeting",
        ),
        (
            "an endless line, byte by byte",
            &[&[Dribble]],
            "not sent: the message was not sent: the server did not answer within 300 s (greeting)",
        ),
        (
            "gone",
            &[&[GREETING, Hear("EHLO"), Close]],
            "not sent: the message was not sent: the server closed the connection before it answered",
        ),
        (
            "half a reply, and gone",
            &[&[GREETING, Hear("EHLO"), Say("250-hello\r\n250"), Close]],
            "not sent: the message was not sent: the connection ended before the server answered",
        ),
        (
            "closed at RCPT",
            &[
                &HELLO,
                &[
                    Hear("MAIL"),
                    Hear("RCPT"),
                    Hear("RCPT"),
                    Say("250 ok\r\n250 ok\r\n421 closing\r\n"),
                    Close,
                ],
            ],
            "not sent: the message was not sent: the server closed the connection",
        ),
        (
            "DATA refused",
            &[&HELLO, &ENVELOPE, &[Hear("DATA"), Say("451 later\r\n")]],
            "not sent: the message was not sent: the server refuses (the message): 550 no",
        ),
        (
            "yes to DATA without the text",
            &[&HELLO, &ENVELOPE, &[Hear("DATA"), Say("250 ok\r\n")]],
            "not sent: the message was not sent: the server sent \"250 ok\" in reply to DATA",
        ),
        (
            "gone before the text",
            &[&HELLO, &ENVELOPE, &[Hear("DATA"), Close]],
            "not sent: the message was not sent: the server closed",
        ),
        (
            "refused at the end",
            &[
                &HELLO,
                &ENVELOPE,
                &[
                    Hear("DATA"),
                    Say("354 go\r\n"),
                    HearBody,
                    Say("554 spam\r\n"),
                ],
            ],
            "not sent: the message was not sent: the server refuses (the message): 550 no",
        ),
        (
            "gone at the end",
            &[
                &HELLO,
                &ENVELOPE,
                &[Hear("DATA"), Say("354 go\r\n"), HearBody, Close],
            ],
            "unknown: the message may have been taken: its end was sent, and no answer came: the server closed",
        ),
        (
            "a reset at the end",
            &[
                &HELLO,
                &ENVELOPE,
                &[Hear("DATA"), Say("354 go\r\n"), HearBody, Abort],
            ],
            "unknown: the message may have been taken: its end was sent, and no answer came: the connection ended",
        ),
        (
            "no last word",
            &[
                &HELLO,
                &ENVELOPE,
                &[Hear("DATA"), Say("354 go\r\n"), HearBody],
            ],
            "unknown: the message may have been taken: its end was sent, and no answer came: the server did not answer within 600 s (the end of the message)",
        ),
        (
            "half a last word",
            &[
                &HELLO,
                &ENVELOPE,
                &[
                    Hear("DATA"),
                    Say("354 go\r\n"),
                    HearBody,
                    Say("250 o"),
                    Close,
                ],
            ],
            "unknown: the message may have been taken",
        ),
        (
            "a last word of no meaning",
            &[
                &HELLO,
                &ENVELOPE,
                &[
                    Hear("DATA"),
                    Say("354 go\r\n"),
                    HearBody,
                    Say("354 more\r\n"),
                ],
            ],
            "unknown: the message may have been taken: its end was sent, and no answer came: the server sent \"354 more\"",
        ),
        (
            "taken",
            &[
                &HELLO,
                &ENVELOPE,
                &[
                    Hear("DATA"),
                    Say("354 go\r\n"),
                    HearBody,
                    Say("250 yes\r\n"),
                ],
            ],
            "sent: a@x: sent (250 yes), b@x: refused (550 no)",
        ),
        (
            "taken, and gone",
            &[
                &HELLO,
                &ENVELOPE,
                &[
                    Hear("DATA"),
                    Say("354 go\r\n"),
                    HearBody,
                    Say("250 yes\r\n"),
                    Close,
                ],
            ],
            "sent: a@x: sent (250 yes), b@x: refused (550 no)",
        ),
    ];
    let trust = Trust::new();
    for (name, script, words) in cases {
        for cut in CUTS {
            // What a server says in the same breath as a reset may be lost on any wire.
            let (heard, _) = send(&trust, Mode::Off, false, &script.concat(), cut);
            assert!(heard.starts_with(words), "{name}, cut {cut}: {heard}");
        }
    }
}

#[test]
fn floods_are_bounded() {
    let trust = Trust::new();
    let line: &'static str = Box::leak(format!("220 {}\r\n", "x".repeat(5000)).into_boxed_str());
    let endless: &'static str = Box::leak("x".repeat(1 << 20).into_boxed_str());
    let many: &'static str = Box::leak("220-x\r\n".repeat(10_000).into_boxed_str());
    let heavy = format!("220-{}\r\n", "x".repeat(4000)).repeat(40);
    let heavy: &'static str = Box::leak(heavy.into_boxed_str());
    for flood in [line, endless, many, heavy] {
        for cut in [64, 1000, usize::MAX] {
            let (heard, _) = send(&trust, Mode::Off, false, &[Say(flood)], cut);
            let words = "not sent: the message was not sent: the server sent more than ";
            assert!(heard.starts_with(words), "{heard}");
        }
    }
}
