//! What the SMTP client says to servers that keep to the rules.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;
use std::time::Duration;

use retwist::deferred::Deferred;
use retwist::protocols::mail::smtp::{Body, Fate, Mail, Smtp, SmtpOptions};
use retwist::protocols::mail::{Login, MailError, StartTls};
use retwist::testing::RecordingTransport;
use retwist::tls::start_tls;

use crate::server::Step::{Hear, HearBody, Say, Tls};
use crate::server::{CUTS, Trust, slot};

fn mail(to: &[&str], text: &str) -> Mail {
    Mail::new("me@example.org", to.iter().copied(), text)
}

/// Gets a client through its greeting, with a server that has these extensions.
fn ready(options: SmtpOptions, extensions: &str) -> (RecordingTransport, Smtp) {
    let (protocol, smtp) = Smtp::new(options);
    let server = RecordingTransport::connect(protocol);
    server.receive(b"220 hello\r\n");
    server.receive(format!("250-hello\r\n{extensions}250 HELP\r\n").as_bytes());
    server.take_written();
    (server, smtp)
}

/// All that the client writes before it waits for an answer.
fn drain(server: &RecordingTransport) -> String {
    let mut all = Vec::new();
    let mut pauses = 0;
    while pauses < 2 {
        let written = server.take_written();
        pauses = if written.is_empty() { pauses + 1 } else { 0 };
        all.extend(written);
    }
    text(all)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("ASCII")
}

#[test]
fn a_message_goes_through_tls_and_authentication_at_any_cut() {
    let trust = Trust::new();
    for cut in CUTS {
        let role = trust.client("mail.example.org");
        let options = SmtpOptions::new()
            .name("client")
            .start_tls(StartTls::required(move |t| start_tls(t, role.clone())))
            .login(Login::new("ann", "pencil"));
        let (protocol, smtp) = Smtp::new(options);
        let (sent, done) = slot();
        smtp.send(mail(&["you@example.org"], "Subject: x\n\n.dot\n"), done);
        let (left, done) = slot();
        smtp.quit(done);
        let script = [
            Say("220 hello\r\n"),
            Hear("EHLO client"),
            // AUTH in clear is not believed.
            Say("250-hello\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"),
            Hear("STARTTLS"),
            Say("220 go\r\n"),
            Tls,
            Hear("EHLO client"),
            Say("250-hello\r\n250-AUTH PLAIN LOGIN\r\n250-PIPELINING\r\n250 SIZE 1000\r\n"),
            Hear("AUTH PLAIN AGFubgBwZW5jaWw="),
            Say("235 welcome\r\n"),
            Hear("MAIL FROM:<me@example.org> SIZE=20"),
            Hear("RCPT TO:<you@example.org>"),
            Say("250 ok\r\n250 ok\r\n"),
            Hear("DATA"),
            Say("354 go on\r\n"),
            HearBody,
            Say("250 2.0.0 taken as 1\r\n"),
            Hear("QUIT"),
            Say("221 bye\r\n"),
        ];
        let (_pair, heard) = trust.pair(protocol, &script, cut);
        let sent = sent.take().pop().expect("an outcome").expect("a delivery");
        assert!(sent.is_complete());
        let said = "you@example.org: sent (250 2.0.0 taken as 1)";
        assert_eq!(sent.to_string(), said, "cut {cut}");
        assert!(left.take().pop().expect("an outcome").is_ok());
        assert!(heard.borrow().contains(&"..dot".to_owned()));
        assert!(smtp.is_over());
    }
}

#[test]
fn each_recipient_has_a_fate_of_its_own() {
    for (pipelining, cut) in [("250-PIPELINING\r\n", 1), ("", 1), ("", 1000)] {
        let (server, smtp) = ready(SmtpOptions::new(), pipelining);
        let (sent, done) = slot();
        smtp.send(mail(&["a@x", "b@x", "c@x"], "hello"), done);
        let answers = "250 ok\r\n250 ok\r\n550 5.1.1 no such user\r\n451 later\r\n";
        if pipelining.is_empty() {
            for answer in answers.split_inclusive('\n') {
                assert_eq!(text(server.take_written()).lines().count(), 1);
                server.receive(answer.as_bytes());
            }
        } else {
            assert_eq!(text(server.take_written()).lines().count(), 4);
            for piece in answers.as_bytes().chunks(cut) {
                server.receive(piece);
            }
        }
        assert_eq!(server.take_written(), b"DATA\r\n");
        server.receive(b"354 go\r\n");
        assert_eq!(drain(&server), "hello\r\n.\r\n");
        server.receive(b"250 taken\r\n");
        let delivery = sent.take().pop().expect("an outcome").expect("a delivery");
        assert!(!delivery.is_complete());
        let fates: Vec<_> = delivery.recipients.iter().map(|r| r.fate.clone()).collect();
        assert!(matches!(&fates[0], Fate::Sent(reply) if reply.code() == 250));
        assert!(
            matches!(&fates[1], Fate::Refused(reply) if reply.enhanced_code() == Some((5, 1, 1)))
        );
        assert!(matches!(&fates[2], Fate::Refused(reply) if reply.is_temporary()));
    }
}

#[test]
fn lmtp_answers_for_each_recipient_that_it_has_accepted() {
    let (server, smtp) = ready(SmtpOptions::new().lmtp(), "250-PIPELINING\r\n");
    let (sent, done) = slot();
    smtp.send(mail(&["a@x", "b@x", "c@x"], "hello"), done);
    server.receive(b"250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n");
    drain(&server);
    server.receive(b"250 stored\r\n");
    assert!(sent.borrow().is_empty());
    server.receive(b"452 full\r\n");
    let delivery = sent.take().pop().expect("an outcome").expect("a delivery");
    let said = "a@x: sent (250 stored), b@x: refused (550 no), c@x: refused (452 full)";
    assert_eq!(delivery.to_string(), said);
}

#[test]
fn a_refusal_costs_one_message_and_the_next_one_begins_anew() {
    let (server, smtp) = ready(SmtpOptions::new(), "250-PIPELINING\r\n");
    let (first, done) = slot();
    smtp.send(mail(&["a@x"], "hello"), done);
    let (second, done) = slot();
    smtp.send(mail(&["b@x"], "hello"), done);
    server.take_written();
    server.receive(b"250 ok\r\n550 no\r\n");
    let error = first.take().pop().expect("an outcome").unwrap_err();
    assert!(!error.may_have_been_taken());
    assert!(matches!(error.error, MailError::Refused { .. }));
    assert_eq!(server.take_written(), b"RSET\r\n");
    server.receive(b"250 ok\r\n");
    assert_eq!(
        server.take_written(),
        b"MAIL FROM:<me@example.org>\r\nRCPT TO:<b@x>\r\n"
    );
    server.receive(b"250 ok\r\n250 ok\r\n354 go\r\n");
    drain(&server);
    server.receive(b"250 taken\r\n");
    assert!(second.take().pop().expect("an outcome").is_ok());
}

#[test]
fn a_thousand_recipients_are_asked_for_a_hundred_at_a_time() {
    let (server, smtp) = ready(SmtpOptions::new(), "250-PIPELINING\r\n");
    let to: Vec<_> = (0..1000).map(|number| format!("u{number}@x")).collect();
    let (sent, done) = slot();
    smtp.send(Mail::new("", to, "hello"), done);
    let mut asked = 0;
    while asked < 1001 {
        let commands = text(server.take_written()).lines().count();
        assert!((1..=100).contains(&commands));
        asked += commands;
        server.receive("250 ok\r\n".repeat(commands).as_bytes());
    }
    assert_eq!(drain(&server), "DATA\r\n");
    server.receive(b"354 go\r\n");
    assert_eq!(drain(&server), "hello\r\n.\r\n");
    server.receive(b"250 taken\r\n");
    let sent = sent.take().pop().expect("an outcome").expect("a delivery");
    assert!(sent.is_complete());
    // What nothing asked for ends the session.
    server.receive(b"250 and more\r\n");
    assert!(smtp.is_over() && server.is_closing());
}

#[test]
fn what_the_server_cannot_take_is_not_begun() {
    let cases: [(&str, Mail, &str); 7] = [
        ("", mail(&["ü@x"], "hello"), "SMTPUTF8"),
        ("", mail(&["a@x"], "hello").utf8_header(), "SMTPUTF8"),
        ("", mail(&["a@x"], "hüllo"), "8BITMIME"),
        ("250-SIZE 3\r\n", mail(&["a@x"], "hello"), "at most 3 bytes"),
        ("", mail(&["a@x>\r\nRSET"], "hello"), "cannot be part"),
        ("", mail(&["a@x", ""], "hello"), "cannot be part"),
        ("", mail(&[], "hello"), "cannot be part"),
    ];
    for (extensions, mail, words) in cases {
        let (server, smtp) = ready(SmtpOptions::new(), extensions);
        let (sent, done) = slot();
        smtp.send(mail, done);
        let error = sent.take().pop().expect("an outcome").unwrap_err();
        assert!(error.error.to_string().contains(words), "{}", error.error);
        assert!(!error.may_have_been_taken());
        assert_eq!(server.take_written(), b"");
        assert!(!smtp.is_over());
    }
}

#[test]
fn what_it_can_take_is_announced() {
    let all = "250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE\r\n";
    let (server, smtp) = ready(SmtpOptions::new(), all);
    smtp.send(mail(&["ü@x"], "hü\nllo"), |_| {});
    let command = text(server.take_written());
    let expected = "MAIL FROM:<me@example.org> SIZE=8 BODY=8BITMIME SMTPUTF8\r\n";
    assert_eq!(command, expected);
}

/// Text that is read a few bytes at a time, and says how much has been read.
struct Slow {
    left: usize,
    read: Rc<Cell<usize>>,
}

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.left.min(buffer.len());
        buffer[..count].fill(b'x');
        self.left -= count;
        self.read.set(self.read.get() + count);
        Ok(count)
    }
}

#[test]
fn a_message_is_read_only_as_fast_as_the_server_takes_it() {
    use retwist::testing::Pair;
    use retwist::{Producer, Protocol, TransportRef};

    /// Agrees to everything, and does not read the message.
    struct Lazy;
    impl Protocol for Lazy {
        fn connection_made(&mut self, transport: &TransportRef) {
            transport.write(b"220 hello\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");
            Producer::pause_producing(&**transport);
        }
    }

    let read = Rc::new(Cell::new(0));
    let source = Slow {
        left: 10 << 20,
        read: read.clone(),
    };
    let (protocol, smtp) = Smtp::new(SmtpOptions::new());
    let (sent, done) = slot();
    smtp.send(Mail::new("", ["a@x"], Body::from_reader(source)), done);
    let pair = Pair::new(protocol, Lazy);
    pair.run();
    assert!(read.get() > 0 && read.get() < 1 << 20, "{}", read.get());
    // Nothing is taken for too long: the time limit of a block, not of the whole.
    pair.advance(Duration::from_secs(179));
    assert!(sent.borrow().is_empty());
    pair.advance(Duration::from_secs(2));
    let error = sent.take().pop().expect("an outcome").unwrap_err();
    assert!(matches!(
        error.error,
        MailError::TimedOut {
            command: "the message",
            ..
        }
    ));
    assert!(!error.may_have_been_taken());
}

#[test]
fn a_source_that_fails_never_looks_complete() {
    struct Broken(bool);
    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("the disk is gone"));
            }
            buffer[..5].copy_from_slice(b"hello");
            Ok(5)
        }
    }
    let (server, smtp) = ready(SmtpOptions::new(), "");
    let (sent, done) = slot();
    smtp.send(
        Mail::new("", ["a@x"], Body::from_reader(Broken(false))),
        done,
    );
    server.receive(b"250 ok\r\n");
    server.receive(b"250 ok\r\n");
    server.take_written();
    server.receive(b"354 go\r\n");
    drain(&server);
    assert!(server.is_failing());
    let error = sent.take().pop().expect("an outcome").unwrap_err();
    assert!(matches!(error.error, MailError::Body(_)));
    assert!(!error.may_have_been_taken());
}

#[test]
fn no_bare_cr_or_lf_leaves() {
    let cases = [
        ("a\n.\nb", "a\r\n..\r\nb\r\n.\r\n"),
        ("a\r.\rb\r", "a\r\n..\r\nb\r\n.\r\n"),
        ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"),
        ("\n\r\n\r\r\n.", "\r\n\r\n\r\n\r\n..\r\n.\r\n"),
        ("", ".\r\n"),
        ("..", "...\r\n.\r\n"),
    ];
    for (from, to) in cases {
        for piece in [1, 2, 100] {
            let (server, smtp) = ready(SmtpOptions::new(), "");
            let pieces: Vec<_> = from.as_bytes().chunks(piece).map(<[u8]>::to_vec).collect();
            let source = pieces.into_iter().rev().collect();
            let body = Body::from_reader(Pieces(source));
            smtp.send(Mail::new("", ["a@x"], body), |_| {});
            server.receive(b"250 ok\r\n");
            server.receive(b"250 ok\r\n");
            server.take_written();
            server.receive(b"354 go\r\n");
            assert_eq!(drain(&server), to, "{from:?} by {piece}");
        }
    }
}

struct Pieces(Vec<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.0.pop().unwrap_or_default();
        buffer[..piece.len()].copy_from_slice(&piece);
        Ok(piece.len())
    }
}

#[test]
fn requests_have_deferreds() {
    let (server, smtp) = ready(SmtpOptions::new(), "250-SIZE 7\r\n");
    let mut size = Deferred::from_callback(|done| smtp.extensions(done)).map(|e| e.max_size);
    assert_eq!(
        size.take().expect("it is ready").expect("no error"),
        Some(7)
    );
    let mut sent = Deferred::from_callback(|done| smtp.send(mail(&["a@x"], ""), done));
    server.lose(retwist::Reason::Done);
    assert!(sent.take().expect("an outcome").is_err());
}

#[test]
fn a_client_that_is_never_connected_says_so() {
    let (protocol, smtp) = Smtp::new(SmtpOptions::new());
    let (sent, done) = slot();
    smtp.send(mail(&["a@x"], ""), done);
    drop(protocol);
    let error = sent.take().pop().expect("an outcome").unwrap_err();
    assert!(matches!(error.error, MailError::NeverConnected));
    let (later, done) = slot();
    smtp.extensions(done);
    assert!(later.take().pop().expect("an outcome").is_err());
}

#[test]
fn an_old_server_hears_helo() {
    let (protocol, smtp) = Smtp::new(SmtpOptions::new().name("me\r\nQUIT"));
    let server = RecordingTransport::connect(protocol);
    server.receive(b"220 hello\r\n");
    assert_eq!(server.take_written(), b"EHLO meQUIT\r\n");
    server.receive(b"502 what\r\n");
    assert_eq!(server.take_written(), b"HELO meQUIT\r\n");
    server.receive(b"250 hello\r\n");
    smtp.send(mail(&["a@x"], ""), |_| {});
    assert_eq!(server.take_written(), b"MAIL FROM:<me@example.org>\r\n");
}
