//! Servers of SMTP that lie about STARTTLS, and hosts on the way that take it away.

use crate::server::Step::{self, Abort, Close, Hear, Say, Tls, WrongTls};
use crate::server::{CUTS, Trust};
use crate::smtp_evil::Mode::{self, Off, Opportunistic, OtherName, Required};
use crate::smtp_evil::{GREETING, NO_TLS, OFFERS, send};

/// Scripts, and what a program hears of them. No line of the message, and no password, may leave in clear
/// where TLS is required.
#[test]
fn servers_that_lie_about_tls() {
    let trust = Trust::new();
    let cases: &[(&str, Mode, &[Step], &str)] = &[
        (
            "none offered",
            Required,
            &[GREETING, Hear("EHLO"), NO_TLS],
            "not sent: the message was not sent: the server does not offer STARTTLS",
        ),
        (
            "no EHLO",
            Required,
            &[
                GREETING,
                Hear("EHLO"),
                Say("502 no\r\n"),
                Hear("HELO"),
                Say("250 hi\r\n"),
            ],
            "not sent: the message was not sent: the server does not offer STARTTLS",
        ),
        (
            "refused for now",
            Required,
            &[
                GREETING,
                Hear("EHLO"),
                OFFERS,
                Hear("STARTTLS"),
                Say("454 4.7.0 not now\r\n"),
            ],
            "not sent: the message was not sent: the server refuses (STARTTLS): 454 4.7.0 not now",
        ),
        (
            "a yes of another kind",
            Required,
            &[
                GREETING,
                Hear("EHLO"),
                OFFERS,
                Hear("STARTTLS"),
                Say("250 sure\r\n"),
            ],
            "not sent: the message was not sent: the server sent \"250 sure\" in reply to STARTTLS",
        ),
        (
            "yes, and on in clear",
            Required,
            &[
                GREETING,
                Hear("EHLO"),
                OFFERS,
                Hear("STARTTLS"),
                Say("220 go\r\n"),
                Say("250-hello\r\n250 AUTH PLAIN\r\n"),
            ],
            "not sent: the message was not sent: the TLS that the server agreed to start failed",
        ),
        (
            "yes, and on in clear, opportunistic",
            Opportunistic,
            &[
                GREETING,
                Hear("EHLO"),
                OFFERS,
                Hear("STARTTLS"),
                Say("220 go\r\n250 ok\r\n"),
            ],
            "not sent: the message was not sent: the TLS that the server agreed to start failed",
        ),
        (
            "more behind its yes",
            Required,
            &[
                GREETING,
                Hear("EHLO"),
                OFFERS,
                Hear("STARTTLS"),
                Say("220 go\r\n250 injected\r\n"),
                Tls,
                Hear("EHLO"),
            ],
            "not sent: the message was not sent: the TLS that the server agreed to start failed",
        ),
        (
            "yes, and gone",
            Required,
            &[
                GREETING,
                Hear("EHLO"),
                OFFERS,
                Hear("STARTTLS"),
                Say("220 go\r\n"),
                Close,
            ],
            "not sent: the message was not sent: the TLS that the server agreed to start failed",
        ),
        (
            "yes, and nothing",
            Required,
            &[
                GREETING,
                Hear("EHLO"),
                OFFERS,
                Hear("STARTTLS"),
                Say("220 go\r\n"),
            ],
            "not sent: the message was not sent: the TLS that the server agreed to start failed",
        ),
        (
            "never an answer",
            Required,
            &[GREETING, Hear("EHLO"), OFFERS, Hear("STARTTLS")],
            "not sent: the message was not sent: the server did not answer within 300 s (STARTTLS)",
        ),
        (
            "an unknown certificate",
            Required,
            &[
                GREETING,
                Hear("EHLO"),
                OFFERS,
                Hear("STARTTLS"),
                Say("220 go\r\n"),
                WrongTls,
            ],
            "not sent: the message was not sent: the TLS that the server agreed to start failed",
        ),
        (
            "a certificate for another name",
            OtherName,
            &[
                GREETING,
                Hear("EHLO"),
                OFFERS,
                Hear("STARTTLS"),
                Say("220 go\r\n"),
                Tls,
            ],
            "not sent: the message was not sent: the TLS that the server agreed to start failed",
        ),
        (
            "STARTTLS again behind TLS",
            Required,
            &[
                GREETING,
                Hear("EHLO"),
                OFFERS,
                Hear("STARTTLS"),
                Say("220 go\r\n"),
                Tls,
                Hear("EHLO"),
                OFFERS,
                Hear("MAIL"),
                Say("550 no\r\n"),
            ],
            "not sent: the message was not sent: the server refuses (the message): 550 no",
        ),
        (
            "capabilities that are gone behind TLS",
            Required,
            &[
                GREETING,
                Hear("EHLO"),
                Say("250-hello\r\n250-PIPELINING\r\n250 STARTTLS\r\n"),
                Hear("STARTTLS"),
                Say("220 go\r\n"),
                Tls,
                Hear("EHLO"),
                Say("250 hello\r\n"),
                Hear("MAIL"),
                Say("550 no\r\n"),
            ],
            "not sent: the message was not sent: the server refuses (the message): 550 no",
        ),
        (
            "TLS that ends in the middle",
            Required,
            &[
                GREETING,
                Hear("EHLO"),
                OFFERS,
                Hear("STARTTLS"),
                Say("220 go\r\n"),
                Tls,
                Hear("EHLO"),
                Abort,
            ],
            "not sent: the message was not sent: the connection ended before the server answered",
        ),
    ];
    for (name, mode, script, words) in cases {
        for cut in CUTS {
            let (heard, lines) = send(&trust, *mode, false, script, cut);
            assert!(heard.starts_with(words), "{name}, cut {cut}: {heard}");
            assert!(
                !lines.iter().any(|line| line.contains("secret")),
                "{name}: {lines:?}"
            );
        }
    }
}

#[test]
fn opportunistic_tls_falls_back_for_a_message_and_not_for_a_password() {
    let trust = Trust::new();
    let refused = [
        GREETING,
        Hear("EHLO"),
        OFFERS,
        Hear("STARTTLS"),
        Say("454 not now\r\n"),
        Hear("MAIL"),
        Say("550 no\r\n"),
    ];
    let absent = [
        GREETING,
        Hear("EHLO"),
        NO_TLS,
        Hear("MAIL"),
        Hear("RCPT"),
        Hear("RCPT"),
        Say("550 no\r\n550 no\r\n550 no\r\n"),
    ];
    for cut in CUTS {
        for script in [&refused[..], &absent[..]] {
            let (heard, _) = send(&trust, Opportunistic, false, script, cut);
            assert!(
                heard.ends_with("the server refuses (the message): 550 no"),
                "{heard}"
            );
        }
        let offers = [
            GREETING,
            Hear("EHLO"),
            Say("250-hello\r\n250 AUTH PLAIN LOGIN\r\n"),
        ];
        for mode in [Opportunistic, Off] {
            let (heard, lines) = send(&trust, mode, true, &offers, cut);
            assert!(
                heard.contains("the authentication failed: a password is not sent"),
                "{heard}"
            );
            assert_eq!(lines.len(), 1, "{lines:?}");
        }
    }
}
