//! The session over a transport in memory: at every cut, and on a clock that is moved by hand.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use lexopt::Parser;
use retwist::deferred::ThreadPool;
use retwist::protocols::sasl::{
    ChannelBinding, Credentials, Mechanism, Protection, SaslClient, decode, encode,
};
use retwist::protocols::{Framed, LineReceiver, LineTransport};
use retwist::testing::{MemoryReactor, Pair, RecordingTransport};
use retwist::tls::{
    ChannelBinding as TlsBinding, ClientOptions, ServerOptions, TlsRole, TlsTransport, start_tls,
};

use super::{Service, protocol};
use crate::inboxes::Inboxes;
use crate::login::{LoginOptions, Logins};
use crate::support::tls::Authority;

struct Server {
    reactor: Rc<MemoryReactor>,
    service: Rc<Service>,
    directory: PathBuf,
}

impl Server {
    fn new(name: &str) -> Self {
        let directory = format!("retwist-smtp-{name}-{}", std::process::id());
        let directory = std::env::temp_dir().join(directory);
        let reactor = Rc::new(MemoryReactor::new());
        let identity = Authority::new().unwrap().identity().unwrap();
        let tls = ServerOptions::new(identity).build().unwrap();
        let logins = Logins::default();
        let service = Rc::new(Service {
            inboxes: Inboxes::open(&directory, logins.accounts()).unwrap(),
            logins,
            max_size: 1 << 20,
            is_lmtp: false,
            requires_tls: false,
            requires_login: false,
            tls: TlsRole::server(tls),
            pool: ThreadPool::new(&*reactor),
        });
        Server {
            reactor,
            service,
            directory,
        }
    }

    fn connect(&self) -> RecordingTransport {
        RecordingTransport::on(self.reactor.clock(), protocol(&self.service))
    }

    /// Sends bytes, and lets the disk do its work.
    fn send(&self, client: &RecordingTransport, data: &[u8]) {
        client.receive(data);
        while self.reactor.run_job() {}
    }

    /// The codes of all replies to this input, cut into pieces of this size.
    fn codes(&self, input: &[u8], size: usize) -> String {
        let client = self.connect();
        for piece in input.chunks(size) {
            self.send(&client, piece);
        }
        codes(&client.take_written())
    }

    /// The messages, without the lines that the server puts in front. They are removed.
    fn take_messages(&self) -> Vec<Vec<u8>> {
        let Ok(entries) = fs::read_dir(self.directory.join("everyone/new")) else {
            return Vec::new();
        };
        let paths = entries.map(|entry| entry.unwrap().path());
        let take = |path: PathBuf| {
            let text = fs::read(&path).unwrap();
            fs::remove_file(path).unwrap();
            let end = b" +0000\r\n";
            let at = text.windows(end.len()).position(|part| part == end);
            text[at.expect("a date") + end.len()..].to_vec()
        };
        paths.map(take).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The codes at the ends of replies.
fn codes(replies: &[u8]) -> String {
    let replies = String::from_utf8_lossy(replies);
    let ends = replies
        .lines()
        .filter(|line| line.as_bytes().get(3) == Some(&b' '));
    ends.map(|line| &line[..3]).collect::<Vec<_>>().join(" ")
}

const CUTS: [usize; 7] = [1, 2, 3, 7, 64, 1000, usize::MAX];
const BEGIN: &str = "EHLO a\r\nMAIL FROM:<b@c>\r\nRCPT TO:<d@e>\r\n";

/// What the server answers to this input, cut in pieces, when it drains behind the first part of it.
fn drained(server: &Server, before: &str, behind: &str, size: usize) -> (String, bool) {
    let client = server.connect();
    for piece in before.as_bytes().chunks(size) {
        server.send(&client, piece);
    }
    client.drain();
    for piece in behind.as_bytes().chunks(size) {
        server.send(&client, piece);
    }
    (codes(&client.take_written()), client.is_closing())
}

#[test]
fn a_drain_waits_for_the_mail_that_has_begun_and_for_nothing_else() {
    let server = Server::new("drain");
    let mail = "RCPT TO:<d@e>\r\nDATA\r\ntext\r\n.\r\n";
    let next = "MAIL FROM:<b@c>\r\nQUIT\r\n";
    for size in CUTS {
        for (before, behind, wanted) in [
            ("", next, "220 421"),
            ("EHLO a\r\n", next, "220 250 421"),
            (
                "EHLO a\r\nMAIL FROM:<b@c>\r\n",
                "RSET\r\n",
                "220 250 250 250 421",
            ),
        ] {
            let said = drained(&server, before, behind, size);
            assert_eq!(said, (wanted.to_owned(), true), "{before:?} in {size}s");
        }
        let behind = format!("{mail}{next}");
        let said = drained(&server, "EHLO a\r\nMAIL FROM:<b@c>\r\n", &behind, size);
        let whole = "220 250 250 250 354 250 421".to_owned();
        assert_eq!(said, (whole, true), "{size}");
        assert_eq!(server.take_messages(), [b"text\r\n"]);
    }
}

#[test]
fn a_mail_that_does_not_come_to_its_end_gets_no_more_time_than_the_drain() {
    let server = Server::new("drained");
    let client = server.connect();
    server.send(&client, b"EHLO a\r\nMAIL FROM:<b@c>\r\n");
    client.drain();
    client.clock().advance(Duration::from_secs(60));
    assert!(!client.is_closing());
    client.shut_down();
    assert!(client.is_closing());
    assert!(codes(&client.take_written()).ends_with("421"));
}

#[test]
fn messages_at_every_cut() {
    let server = Server::new("cuts");
    let binary = b"\r\n.\r\n\0\xff\r\n.\r\nQUIT\r\n";
    let mut input = format!("{BEGIN}DATA\r\n..dot\r\n.\r\n").into_bytes();
    input.extend(b"MAIL FROM:<b@c> BODY=BINARYMIME\r\nRCPT TO:<d@e>\r\nDATA\r\n");
    input.extend(format!("BDAT {}\r\n", binary.len()).bytes());
    input.extend(binary);
    input.extend(b"DATA\r\nBDAT 3 LAST\r\nendBDAT 4\r\nQUITMAIL FROM:<>\r\nRSET\r\nQUIT\r\n");
    for size in CUTS {
        let codes = server.codes(&input, size);
        let data = "250 250 250 354 250";
        let chunks = "250 250 503 250 503 250 503 250 250 221";
        assert_eq!(codes, format!("220 {data} {chunks}"), "{size}");
        let mut messages = server.take_messages();
        messages.sort();
        assert_eq!(
            messages,
            [[&binary[..], b"end"].concat(), b".dot\r\n".to_vec()],
            "{size}"
        );
    }
}

#[test]
fn nothing_but_a_dot_on_its_own_line_ends_a_message() {
    let server = Server::new("smuggling");
    let smuggled = "MAIL FROM:<evil@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n";
    for end in [
        "\n.\n",
        "\n.\r\n",
        "\r.\r",
        "\r\n.\n",
        "\r.\r\n",
        "\r\n.\r",
        "\r\n.\0\r\n",
        "\0.\0",
        "\n\n.\r\n",
        "\r\n.\r\r\n",
        "\r\n\0.\r\n",
    ] {
        let text = format!("text{end}{smuggled}");
        // The dot that begins a line is taken off.
        let stored = text.replace("\r\n.", "\r\n");
        let input = format!("{BEGIN}DATA\r\n{text}.\r\nQUIT\r\n");
        for size in CUTS {
            let codes = server.codes(input.as_bytes(), size);
            assert_eq!(codes, "220 250 250 250 354 250 221", "{end:?} in {size}s");
            assert_eq!(
                server.take_messages(),
                [stored.as_bytes()],
                "{end:?} in {size}s"
            );
        }
    }
}

#[test]
fn commands_with_bare_ends_of_line_are_none() {
    let server = Server::new("bare");
    for command in [
        "NOOP\nRSET",
        "NOOP\rRSET",
        "NO\0OP",
        "NOOP \0",
        "MAIL FROM:<a\n@b>",
    ] {
        let codes = server.codes(format!("EHLO a\r\n{command}\r\nQUIT\r\n").as_bytes(), 1);
        assert_eq!(codes, "220 250 501 221", "{command:?}");
    }
}

#[test]
fn nothing_that_came_in_clear_passes_into_tls_at_any_cut() {
    let server = Server::new("injection");
    let evil = "EHLO b\r\nMAIL FROM:<evil@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nevil\r\n.\r\nQUIT\r\n";
    let input = format!("EHLO a\r\nMAIL FROM:<a@b>\r\nSTARTTLS\r\n{evil}");
    for cut in 1..input.len() {
        let client = server.connect();
        let (one, other) = input.as_bytes().split_at(cut);
        server.send(&client, one);
        server.send(&client, other);
        let written = client.take_written();
        let said = b"220 2.0.0 go ahead\r\n";
        let at = written.windows(said.len()).position(|part| part == said);
        let after = &written[at.expect("TLS begins") + said.len()..];
        // An alert, and nothing else.
        assert!(
            after.len() == 7 && after[0] == 0x15,
            "cut at {cut}: {after:?}"
        );
        assert!(client.is_closing(), "cut at {cut}");
    }
    assert!(server.take_messages().is_empty());
}

/// Whether a client that sends `piece` each second is told that it took too long, and when.
fn patience(begin: &str, piece: &[u8], longest: u64) -> u64 {
    let server = Server::new("patience");
    let client = server.connect();
    server.send(&client, begin.as_bytes());
    client.take_written();
    for second in 1..=longest {
        client.clock().advance(Duration::from_secs(1));
        if client.is_closing() {
            return second;
        }
        if !piece.is_empty() {
            server.send(&client, piece);
        }
    }
    panic!("the client is kept for more than {longest} s");
}

#[test]
fn a_client_is_not_kept_for_longer_than_the_help_says() {
    // No greeting, whatever else it says.
    assert_eq!(patience("", b"", 1000), 60);
    assert_eq!(patience("", b"NOOP\r\n", 1000), 60);
    // A line that does not end.
    assert_eq!(patience("EHLO a\r\n", b"x", 1000), 61);
    // Silence.
    assert_eq!(patience("EHLO a\r\n", b"", 1000), 300);
    // A handshake that does not begin: TLS has a time limit of its own.
    assert_eq!(patience("EHLO a\r\nSTARTTLS\r\n", b"", 1000), 10);
    // A message that does not end.
    let data = format!("{BEGIN}DATA\r\n");
    assert_eq!(patience(&data, b"x", 10_000), 1800);
    assert_eq!(patience(&data, b"", 10_000), 300);
    let chunk = format!("{BEGIN}BDAT 18446744073709551615 LAST\r\n");
    assert_eq!(patience(&chunk, b"x", 10_000), 1800);
}

#[test]
fn the_last_words_say_why() {
    let server = Server::new("words");
    let client = server.connect();
    client.clock().advance(Duration::from_secs(60));
    let written = String::from_utf8(client.take_written()).unwrap();
    assert!(
        written.ends_with("421 4.4.2 that took too long\r\n"),
        "{written}"
    );
}

#[test]
fn a_message_that_waits_for_the_disk_is_not_late() {
    let server = Server::new("disk");
    let client = server.connect();
    client.receive(format!("{BEGIN}DATA\r\ntext\r\n.\r\nNOOP\r\n").as_bytes());
    assert!(client.is_paused());
    client.clock().advance(Duration::from_secs(10_000));
    assert!(!client.is_closing());
    while server.reactor.run_job() {}
    assert_eq!(codes(&client.take_written()), "220 250 250 250 354 250 250");
    assert_eq!(server.take_messages(), [b"text\r\n"]);
}

/// Logs in after STARTTLS, with a proof that is bound to this TLS connection or to another one.
struct Submitter {
    tls: TlsRole,
    /// What it says next.
    next: &'static str,
    sasl: Option<SaslClient>,
    is_relayed: bool,
    heard: Rc<RefCell<Vec<String>>>,
}

impl Submitter {
    fn begin_login(&mut self, transport: &LineTransport) {
        let bytes = TlsTransport::channel_binding(transport, TlsBinding::TlsExporter).unwrap();
        let mut bytes: [u8; 32] = bytes.try_into().unwrap();
        bytes[0] ^= u8::from(self.is_relayed);
        let binding = Protection::Bound(ChannelBinding::tls_exporter(bytes));
        let credentials = Credentials::new("alice", "secret").unwrap();
        let mechanism = Mechanism::ScramSha256Plus;
        let mut sasl = SaslClient::new(mechanism, credentials, &binding).unwrap();
        let first = sasl.initial_response().unwrap().expect("the client begins");
        transport.send_line(format!("AUTH {mechanism} {}", encode(&first)));
        self.sasl = Some(sasl);
    }
}

impl LineReceiver for Submitter {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let line = str::from_utf8(line).unwrap();
        if line.as_bytes()[3] == b'-' {
            return;
        }
        self.heard.borrow_mut().push(line[..3].to_owned());
        match (&line[..3], &mut self.sasl) {
            ("334", Some(sasl)) => {
                let response = sasl.respond(&decode(&line[4..]).unwrap()).unwrap();
                transport.send_line(encode(&response));
            }
            ("235", Some(sasl)) => {
                sasl.succeeded(None).unwrap();
                transport.send_line("QUIT");
            }
            ("250", None) => self.begin_login(transport),
            ("220", _) if self.next == "STARTTLS" => {
                self.next = "EHLO me";
                transport.send_line("STARTTLS");
            }
            ("220", _) => {
                start_tls(transport, self.tls.clone()).unwrap();
            }
            _ => transport.lose_connection(),
        }
    }

    fn handshake_completed(&mut self, transport: &LineTransport) {
        transport.send_line(self.next);
    }
}

#[test]
fn a_log_in_is_bound_to_its_tls_connection() {
    let authority = Authority::new().unwrap();
    let options = ClientOptions::new(authority.roots().unwrap())
        .build()
        .unwrap();
    let mut server = Server::new("binding");
    let service = Rc::get_mut(&mut server.service).expect("no session has it yet");
    service.tls = TlsRole::server(
        ServerOptions::new(authority.identity().unwrap())
            .build()
            .unwrap(),
    );
    let mut logins = LoginOptions::default();
    for (option, value) in [("user", "alice"), ("password", "secret")] {
        assert!(
            logins
                .option(option, &mut Parser::from_args([value]))
                .unwrap()
        );
    }
    service.logins = logins.logins().unwrap();
    for (is_relayed, codes) in [
        (false, "220 220 250 334 334 235 221"),
        (true, "220 220 250 334 535"),
    ] {
        let heard = Rc::default();
        let client = Submitter {
            tls: TlsRole::client(options.clone(), "localhost").unwrap(),
            next: "STARTTLS",
            sasl: None,
            is_relayed,
            heard: Rc::clone(&heard),
        };
        Pair::new(Framed::lines(client), protocol(&server.service)).run();
        assert_eq!(heard.borrow().join(" "), codes);
    }
}
