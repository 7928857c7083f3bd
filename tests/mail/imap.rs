//! The IMAP client, with servers that keep to the rules and servers that do not.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use retwist::Producer;
use retwist::mail::imap::{Imap, ImapOptions, Update};
use retwist::mail::{Login, MailError, StartTls};
use retwist::testing::RecordingTransport;
use retwist::tls::start_tls;

use crate::server::Step::{Hear, Say, Tls};
use crate::server::{CUTS, Trust, sink, slot};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    Off,
    Opportunistic,
    Required,
}

pub(crate) fn options(trust: &Trust, mode: Mode, in_clear: bool) -> ImapOptions {
    let role = trust.client("mail.example.org");
    let start = move |transport: &retwist::TransportRef| start_tls(transport, role.clone());
    let login = Login::new("ann", "pen\"cil");
    let login = if in_clear {
        login.even_in_clear()
    } else {
        login
    };
    ImapOptions::new().login(login).start_tls(match mode {
        Mode::Off => StartTls::off(),
        Mode::Opportunistic => StartTls::opportunistic(start),
        Mode::Required => StartTls::required(start),
    })
}

#[test]
fn a_session_through_tls_and_authentication_at_any_cut() {
    let trust = Trust::new();
    for cut in CUTS {
        let (protocol, imap) = Imap::new(options(&trust, Mode::Required, false));
        let (updates, heard) = slot();
        let heard = RefCell::new(Some(heard));
        imap.on_update(move |update| {
            if let Some(first) = heard.take() {
                first(update);
            }
        });
        let (list, done) = slot();
        imap.list("*", done);
        let (selected, done) = slot();
        imap.select("in \"box\"", done);
        let (found, done) = slot();
        imap.search("UNSEEN", done);
        let (infos, done) = slot();
        imap.fetch_info("1:*", done);
        let (text, into) = sink();
        let (fetched, done) = slot();
        imap.fetch(7, into, done);
        let (missing, done) = slot();
        imap.fetch(8, |_| {}, done);
        let (appended, done) = slot();
        imap.append("INBOX", b"a\nb\r\n", done);
        let (idled, done) = slot();
        imap.idle(done);
        let (left, done) = slot();
        imap.logout(done);
        let script = [
            Say("* OK [CAPABILITY IMAP4rev1 AUTH=LOGIN] hello\r\n"),
            Hear("a1 CAPABILITY"),
            // AUTH in clear is not believed.
            Say("* CAPABILITY IMAP4rev1 STARTTLS AUTH=LOGIN\r\na1 OK done\r\n"),
            Hear("a2 STARTTLS"),
            Say("a2 OK go\r\n"),
            Tls,
            Hear("a3 CAPABILITY"),
            Say("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\na3 OK done\r\n"),
            Hear("a4 AUTHENTICATE PLAIN"),
            Say("+ \r\n"),
            Hear("AGFubgBwZW4iY2ls"),
            Say("a4 OK [CAPABILITY IMAP4rev1] in {3}\r\n"),
            Hear("a5 CAPABILITY"),
            Say("* CAPABILITY IMAP4rev1 IDLE\r\na5 OK done\r\n"),
            Hear("a6 LIST \"\" \"*\""),
            Say(
                "* LIST (\\Noselect \\HasChildren) \"/\" {3}\r\na)b\r\n* LIST () NIL INBOX\r\na6 OK done\r\n",
            ),
            Hear("a7 SELECT \"in \\\"box\\\"\""),
            Say(
                "* 3 EXISTS\r\n* OK [UIDVALIDITY 99] ok\r\n* OK [UIDNEXT 12] ok\r\n* FLAGS (\\Seen)\r\na7 OK [READ-ONLY] done\r\n",
            ),
            Hear("a8 UID SEARCH UNSEEN"),
            Say("* SEARCH 7 9 (MODSEQ 5)\r\na8 OK done\r\n"),
            Hear("a9 UID FETCH 1:* (UID RFC822.SIZE FLAGS)"),
            Say("* 1 FETCH (UID 7 RFC822.SIZE 120 FLAGS (\\Seen x))\r\na9 OK done\r\n"),
            Hear("a10 UID FETCH 7 (UID BODY.PEEK[])"),
            Say("* 1 FETCH (UID 7 BODY[] {11}\r\na)\r\n* {5}\r\n FLAGS ())\r\na10 OK done\r\n"),
            Hear("a11 UID FETCH 8"),
            Say("a11 OK done\r\n"),
            Hear("a12 APPEND \"INBOX\" {6}"),
            Say("+ go on\r\n"),
            Hear("a"),
            Hear("b"),
            Hear(""),
            Say("a12 OK [APPENDUID 99 12] done\r\n"),
            Hear("a13 IDLE"),
            Say("+ idling\r\n* 4 EXISTS\r\n"),
            Hear("DONE"),
            Say("a13 OK done\r\n"),
            Hear("a14 LOGOUT"),
            Say("* BYE bye\r\na14 OK done\r\n"),
        ];
        let (_pair, heard) = trust.pair(protocol, &script, cut);
        let list = list.take().pop().expect("a list").unwrap();
        assert_eq!(list[0].name, "a)b");
        assert_eq!(list[0].delimiter.as_deref(), Some("/"));
        assert_eq!(list[0].attributes, ["\\Noselect", "\\HasChildren"]);
        assert_eq!(
            (list[1].name.as_str(), list[1].delimiter.clone()),
            ("INBOX", None)
        );
        let selected = selected.take().pop().unwrap().unwrap();
        assert_eq!((selected.exists, selected.read_only), (3, true));
        assert_eq!(
            (selected.uid_validity, selected.uid_next),
            (Some(99), Some(12))
        );
        assert_eq!(found.take().pop().unwrap().unwrap(), [7, 9]);
        let infos = infos.take().pop().unwrap().unwrap();
        assert_eq!((infos[0].number, infos[0].uid, infos[0].size), (1, 7, 120));
        assert_eq!(infos[0].flags, ["\\Seen", "x"]);
        assert_eq!(*text.borrow(), b"a)\r\n* {5}\r\n", "cut {cut}");
        assert_eq!(fetched.take().pop().unwrap().unwrap(), 11);
        assert!(missing.take().pop().unwrap().is_err());
        let appended = appended.take().pop().expect("an answer").unwrap().unwrap();
        assert_eq!((appended.uid_validity, appended.uid), (99, 12));
        assert!(idled.take().pop().unwrap().is_ok());
        assert_eq!(updates.take(), [Update::Exists(3)]);
        assert!(left.take().pop().unwrap().is_ok());
        assert!(
            !heard
                .borrow()
                .iter()
                .any(|line| line.starts_with("unasked"))
        );
    }
}

/// A client that is in, without a password.
fn ready() -> (RecordingTransport, Imap) {
    let (protocol, imap) = Imap::new(ImapOptions::new());
    let server = RecordingTransport::connect(protocol);
    server.receive(b"* PREAUTH hello\r\n");
    server.receive(b"* CAPABILITY IMAP4rev1 IDLE\r\na1 OK\r\n");
    server.take_written();
    (server, imap)
}

#[test]
fn floods_are_bounded() {
    let (server, imap) = ready();
    let (list, done) = slot();
    imap.list("*", done);
    let line = format!("* LIST () NIL {}\r\n", "x".repeat(10_000));
    for _ in 0..20 {
        server.receive(line.repeat(100).as_bytes());
    }
    assert!(matches!(
        list.take().pop().unwrap(),
        Err(MailError::TooLong(_))
    ));

    let (server, imap) = ready();
    let (list, done) = slot();
    imap.list("*", done);
    server.receive(&[b'*'; 70_000]);
    assert!(matches!(
        list.take().pop().unwrap(),
        Err(MailError::TooLong(_))
    ));
}

#[test]
fn a_password_stays_out_of_a_connection_in_clear() {
    let trust = Trust::new();
    for capabilities in [
        "* CAPABILITY IMAP4rev1\r\na1 OK\r\n",
        "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\na1 OK\r\n",
        "* CAPABILITY IMAP4rev1 LOGINDISABLED\r\na1 OK\r\n",
    ] {
        for mode in [Mode::Off, Mode::Opportunistic] {
            let (protocol, imap) = Imap::new(options(&trust, mode, false));
            let (list, done) = slot();
            imap.list("*", done);
            let script = [Say("* OK\r\n"), Hear("a1"), Say(capabilities)];
            let (_pair, heard) = trust.pair(protocol, &script, 7);
            assert!(matches!(
                list.take().pop().unwrap(),
                Err(MailError::Sasl(_))
            ));
            assert_eq!(heard.borrow().len(), 1);
        }
    }
}

#[test]
fn what_would_be_taken_for_another_command_is_refused() {
    let (server, imap) = ready();
    let (outcome, done) = slot();
    imap.list("a\r\nb", done);
    assert!(matches!(
        outcome.take().pop().unwrap(),
        Err(MailError::BadText(_))
    ));
    for criteria in ["", "ALL\r\na9 LOGOUT", "SUBJECT {3}", "SUBJECT \u{e9}"] {
        let (outcome, done) = slot();
        imap.search(criteria, done);
        assert!(matches!(
            outcome.take().pop().unwrap(),
            Err(MailError::BadText(_))
        ));
    }
    let (outcome, done) = slot();
    imap.fetch_info("1 (BODY[])", done);
    assert!(matches!(
        outcome.take().pop().unwrap(),
        Err(MailError::BadText(_))
    ));
    assert_eq!(server.take_written(), b"");
}

#[test]
fn a_client_idles_until_it_has_more_to_ask_or_the_time_is_up() {
    let (server, imap) = ready();
    let updates: Rc<RefCell<Vec<Update>>> = Rc::default();
    let heard = updates.clone();
    imap.on_update(move |update| heard.borrow_mut().push(update));
    let (idled, done) = slot();
    imap.idle(done);
    assert_eq!(server.take_written(), b"a2 IDLE\r\n");
    server.receive(b"+ idling\r\n* 4 EXISTS\r\n* 2 EXPUNGE\r\n* 1 FETCH (FLAGS (\\Seen))\r\n");
    server.receive(b"* OK [ALERT] disk is full\r\n");
    assert_eq!(updates.borrow().len(), 4);
    assert_eq!(updates.borrow()[1], Update::Expunged(2));
    server.clock().advance(Duration::from_secs(24 * 60));
    assert_eq!(server.take_written(), b"");
    server.clock().advance(Duration::from_secs(90));
    assert_eq!(server.take_written(), b"DONE\r\n");
    server.receive(b"a2 OK\r\n");
    assert!(idled.take().pop().unwrap().is_ok());

    imap.idle(|_| {});
    imap.noop(|_| {});
    assert_eq!(server.take_written(), b"a3 IDLE\r\n");
    server.receive(b"+\r\n");
    assert_eq!(server.take_written(), b"DONE\r\n");
    server.receive(b"a3 OK\r\n");
    assert_eq!(server.take_written(), b"a4 NOOP\r\n");
}

#[test]
fn a_message_is_handed_on_as_it_comes_and_can_be_paused() {
    let (server, imap) = ready();
    let (text, into) = sink();
    let (fetched, done) = slot();
    imap.fetch(7, into, done);
    server.receive(b"* 1 FETCH (UID 7 BODY[] {6}\r\nabc");
    assert_eq!(*text.borrow(), b"abc");
    imap.pause_producing();
    server.receive(b"def)\r\n");
    server.clock().advance(Duration::from_secs(3600));
    assert_eq!(*text.borrow(), b"abc");
    imap.resume_producing();
    server.receive(b"a2 OK\r\n");
    assert_eq!(*text.borrow(), b"abcdef");
    assert_eq!(fetched.take().pop().unwrap().unwrap(), 6);
}
