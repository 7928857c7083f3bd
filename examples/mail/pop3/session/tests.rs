//! The session over a transport in memory: at every cut, and on a clock that is moved by hand.

use std::rc::Rc;
use std::time::Duration;

use mail_store::Store;
use retwist::deferred::ThreadPool;
use retwist::testing::{MemoryReactor, RecordingTransport};
use retwist::tls::{ServerOptions, TlsRole};

use super::{Service, protocol};
use crate::login::Logins;
use crate::support::tls::Authority;

fn connect(name: &str) -> RecordingTransport {
    let directory = format!("retwist-pop3-{name}-{}", std::process::id());
    let directory = std::env::temp_dir().join(directory);
    let reactor = MemoryReactor::new();
    let identity = Authority::new().unwrap().identity().unwrap();
    let service = Rc::new(Service {
        store: Store::open(&directory).unwrap(),
        logins: Logins::default(),
        tls: TlsRole::server(ServerOptions::new(identity).build().unwrap()),
        pool: ThreadPool::new(&reactor),
    });
    std::fs::remove_dir(directory).unwrap();
    RecordingTransport::on(reactor.clock(), protocol(&service))
}

#[test]
fn in_clear_there_is_no_log_in_at_any_cut() {
    let input = "CAPA\r\nUSER alice\r\nPASS secret\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\r\nSTAT\r\nAPOP a b\r\nQUIT\r\n";
    let capabilities = "+OK this is possible\r\nTOP\r\nUIDL\r\nPIPELINING\r\nEXPIRE NEVER\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nSTLS\r\n.\r\n";
    let first = "-ERR STLS comes first\r\n".repeat(3);
    let rest = "-ERR the log-in comes first\r\n-ERR there is no such command\r\n+OK goodbye\r\n";
    for size in [1, 2, 3, 7, 64, 1000] {
        let client = connect("clear");
        for piece in input.as_bytes().chunks(size) {
            client.receive(piece);
        }
        let written = String::from_utf8(client.take_written()).unwrap();
        assert_eq!(
            written,
            format!("+OK POP3 retwist\r\n{capabilities}{first}{rest}"),
            "{size}"
        );
        assert!(client.is_closing());
    }
}

#[test]
fn nothing_that_came_in_clear_passes_into_tls_at_any_cut() {
    let input = "CAPA\r\nSTLS\r\nUSER alice\r\nPASS secret\r\nDELE 1\r\nQUIT\r\n";
    for cut in 1..input.len() {
        let client = connect("injection");
        let (one, other) = input.as_bytes().split_at(cut);
        client.receive(one);
        client.receive(other);
        let written = client.take_written();
        let said = b"+OK begin TLS\r\n";
        let at = written.windows(said.len()).position(|part| part == said);
        let after = &written[at.expect("TLS begins") + said.len()..];
        // An alert, and nothing else.
        assert!(
            after.len() == 7 && after[0] == 0x15,
            "cut at {cut}: {after:?}"
        );
        assert!(client.is_closing(), "cut at {cut}");
    }
}

#[test]
fn a_drain_lets_a_client_go_on_for_as_long_as_it_has_to_log_in() {
    let client = connect("drain");
    client.drain();
    client.take_written();
    client.receive(b"CAPA\r\n");
    assert!(client.take_written().starts_with(b"+OK this is possible"));
    client.clock().advance(Duration::from_secs(59));
    assert!(!client.is_closing());
    client.clock().advance(Duration::from_secs(1));
    assert!(client.is_closing());
    let other = connect("drained");
    other.drain();
    other.shut_down();
    assert!(other.is_closing());
}

/// After how many seconds a client is left that sends `piece` each second.
fn patience(begin: &str, piece: &[u8]) -> u64 {
    let client = connect("patience");
    client.receive(begin.as_bytes());
    client.take_written();
    for second in 1..=1000 {
        client.clock().advance(Duration::from_secs(1));
        if client.is_closing() {
            return second;
        }
        if !piece.is_empty() {
            client.receive(piece);
        }
    }
    panic!("the client is kept");
}

#[test]
fn a_client_that_does_not_log_in_is_not_kept() {
    assert_eq!(patience("", b""), 60);
    assert_eq!(patience("", b"CAPA\r\n"), 60);
    assert_eq!(patience("", b"x"), 60);
    // A handshake that does not begin: TLS has a time limit of its own.
    assert_eq!(patience("STLS\r\n", b""), 10);
}
