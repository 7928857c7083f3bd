//! How long a client may take, by a clock that is set by hand.

use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use lexopt::Parser;
use mail_store::{Notifier, Store};
use retwist::protocols::{Framed, Lines, WeakReceiver};
use retwist::testing::RecordingTransport;
use retwist::tls::{ServerOptions, TlsRole};
use retwist::{ProtocolHandle, Reactor};

use crate::login::LoginOptions;
use crate::session::{Service, Session, protocol};
use crate::support::tls::Authority;

/// A server with a directory of its own.
struct Place {
    root: PathBuf,
    service: Rc<Service>,
    _reactor: Reactor,
}

/// A client of it, over memory.
struct Client {
    recording: RecordingTransport,
    _session: ProtocolHandle<Framed<Lines, Session>>,
}

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("imap-deadlines-{}-{count}", std::process::id());
        let root = std::env::temp_dir().join(name);
        let reactor = Reactor::new().expect("a reactor");
        let mut options = LoginOptions::default();
        let mut arguments = Parser::from_args(["alice", "secret"]);
        for option in ["user", "password"] {
            let taken = options.option(option, &mut arguments);
            assert!(taken.expect("a value"));
        }
        let identity = Authority::new().and_then(|authority| authority.identity());
        let tls = ServerOptions::new(identity.expect("an identity")).build();
        let service = Rc::new(Service {
            store: Store::open(&root).expect("a directory"),
            logins: options.logins().expect("a user"),
            tls: TlsRole::server(tls.expect("a server")),
            notifier: Notifier::new(&reactor),
            max_size: 1 << 20,
        });
        Place {
            root,
            service,
            _reactor: reactor,
        }
    }

    fn client(&self) -> Client {
        let session = ProtocolHandle::new(protocol(&self.service));
        let recording = RecordingTransport::connect(session.clone());
        assert!(recording.take_written().starts_with(b"* OK "));
        Client {
            recording,
            _session: session,
        }
    }

    /// A client that has said who it is.
    fn user(&self) -> Client {
        let client = self.client();
        let user = self.service.logins.user("alice").expect("a user").clone();
        let session = WeakReceiver::from(&client._session);
        session.call(move |session: &mut Session, transport| session.logged_in(transport, user));
        client
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

impl Client {
    fn wait(&self, seconds: u64) {
        self.recording.clock().advance(Duration::from_secs(seconds));
    }

    fn says(&self, text: &[u8]) -> String {
        self.recording.receive(text);
        String::from_utf8(self.recording.take_written()).expect("text")
    }

    /// Sends a piece a second, as long as it may.
    fn drip(&self, piece: &[u8], most: u64) -> u64 {
        let mut seconds = 0;
        while seconds < most && !self.recording.is_closing() {
            self.recording.receive(piece);
            self.wait(1);
            seconds += 1;
        }
        seconds
    }

    fn is_closing(&self) -> bool {
        self.recording.is_closing()
    }
}

#[test]
fn a_client_that_does_not_log_in() {
    let place = Place::new();
    let client = place.client();
    // Commands are no login.
    for _ in 0..17 {
        client.wait(10);
        assert!(
            client
                .says(b"a NOOP\r\n")
                .ends_with("a OK nothing done\r\n")
        );
    }
    client.wait(9);
    assert!(!client.is_closing());
    client.wait(1);
    assert!(client.is_closing());
    assert!(
        client
            .says(b"")
            .ends_with("* BYE nothing has come for too long\r\n")
    );
}

#[test]
fn a_line_that_comes_a_byte_a_second() {
    let place = Place::new();
    assert_eq!(place.client().drip(b"a", 1000), 60);
    assert_eq!(place.user().drip(b"a", 1000), 60);
}

#[test]
fn a_literal_that_comes_a_byte_a_second() {
    let place = Place::new();
    let client = place.user();
    assert_eq!(client.says(b"a SELECT {1000}\r\n"), "+ go on\r\n");
    assert_eq!(client.drip(b"a", 1000), 60);
    assert_eq!(client.says(b""), "* BYE the command takes too long\r\n");
    // Many short ones are no more time.
    let client = place.user();
    client.says(b"a SEARCH ");
    assert_eq!(client.drip(b"OR TEXT {1+}\r\nx ", 1000), 60);
}

#[test]
fn a_message_has_time_for_its_size() {
    let place = Place::new();
    let client = place.user();
    assert_eq!(client.says(b"a APPEND INBOX {1000000}\r\n"), "+ go on\r\n");
    assert!(client.drip(b"a", 1000) <= 61);
    assert!(client.is_closing());
    let client = place.user();
    assert_eq!(client.says(b"a APPEND INBOX {1000000}\r\n"), "+ go on\r\n");
    assert_eq!(client.drip(&[b'a'; 5000], 200), 200);
    assert!(client.says(b"\r\n").starts_with("a OK [APPENDUID "));
    // The end of the command has a limit too.
    let client = place.user();
    client.says(b"a APPEND INBOX {1+}\r\nx");
    client.wait(61);
    assert!(client.is_closing());
}

#[test]
fn half_an_hour_of_silence() {
    let place = Place::new();
    for quiet in [
        &b""[..],
        b"a SELECT INBOX\r\n",
        b"a SELECT INBOX\r\nb IDLE\r\n",
    ] {
        let client = place.user();
        client.wait(1000);
        client.says(b"a NOOP\r\n");
        client.says(quiet);
        client.wait(30 * 60 - 1);
        assert!(!client.is_closing());
        client.wait(1);
        assert!(client.is_closing());
        assert!(
            client
                .says(b"")
                .ends_with("* BYE nothing has come for too long\r\n")
        );
    }
}

#[test]
fn a_drain_waits_for_the_command_that_has_begun_and_for_nothing_else() {
    const BYE: &str = "* BYE the server stops\r\n";
    let place = Place::new();
    for idle in [&b""[..], b"a NOOP\r\n", b"a IDLE\r\n"] {
        let client = place.user();
        client.says(idle);
        client.recording.drain();
        assert_eq!(client.says(b"b NOOP\r\n"), BYE);
        assert!(client.is_closing());
    }
    let message = b"Subject: a\r\n\r\ntext\r\n";
    for size in [1, 2, 3, 7, 64] {
        let client = place.user();
        client.says(format!("a APPEND INBOX {{{}}}\r\n", message.len()).as_bytes());
        client.recording.drain();
        assert!(!client.is_closing());
        let mut said = String::new();
        for piece in message.chunks(size) {
            said += &client.says(piece);
        }
        said += &client.says(b"\r\nb NOOP\r\n");
        assert!(
            said.starts_with("a OK [APPENDUID ") && said.ends_with(BYE),
            "{said}"
        );
        assert!(client.is_closing());
    }
    let slow = place.user();
    slow.says(b"a APPEND INBOX {1000}\r\n");
    slow.recording.drain();
    slow.recording.shut_down();
    assert!(slow.is_closing(), "the time is up");
}
