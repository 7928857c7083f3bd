//! The server: what it is asked for, what it refuses and in which words.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use retwist_protocols::{Destination, SocksReply, SocksRequest, SocksServer};
use retwist_reactor::testing::{MemoryReactor, RecordingTransport};
use retwist_reactor::{Address, ConnectError, FactoryRef, Reason};

use crate::common::CUTS;

/// What was asked for, waiting for the test.
type Asked = Rc<RefCell<Vec<SocksRequest>>>;

fn server() -> (Asked, FactoryRef) {
    server_with(|server| server)
}

fn server_with(change: impl FnOnce(SocksServer) -> SocksServer) -> (Asked, FactoryRef) {
    let asked = Asked::default();
    let requests = asked.clone();
    let server = SocksServer::new(
        |request| request.destination().port() != 25,
        move |request| requests.borrow_mut().push(request),
    );
    (asked, change(server).into())
}

fn connect(server: &FactoryRef) -> RecordingTransport {
    let protocol = server.build_protocol(&Address::Unknown);
    RecordingTransport::connect(protocol.expect("it serves anyone"))
}

fn receive(server: &FactoryRef, bytes: &[u8], cut: usize) -> RecordingTransport {
    let recording = connect(server);
    for piece in bytes.chunks(cut) {
        recording.receive(piece);
    }
    recording
}

/// What the server says at last to `bytes`, which make it close, at any cut.
fn refused(server: &FactoryRef, bytes: &[u8]) -> Vec<u8> {
    for cut in CUTS {
        let recording = receive(server, bytes, cut);
        assert!(recording.is_closing(), "{}", bytes.escape_ascii());
        assert_eq!(
            recording.written(),
            receive(server, bytes, usize::MAX).written()
        );
        recording.lose(Reason::Done);
        assert_eq!(recording.clock().pending_calls(), 0);
    }
    receive(server, bytes, usize::MAX).take_written()
}

/// The server's protocol for what was asked for, on a connection of its own.
fn outbound(asked: &Asked) -> RecordingTransport {
    let request = asked.borrow_mut().pop().expect("it was asked");
    RecordingTransport::connect(request.outbound())
}

const REQUESTS: [(&[u8], &[u8], &str); 5] = [
    (
        b"\x05\x01\0\x05\x01\0\x01\xc0\0\x02\x01\0\x50",
        b"\x05\0",
        "192.0.2.1:80",
    ),
    (
        b"\x05\x02\x02\0\x05\x01\0\x03\x0bexample.org\x01\xbb",
        b"\x05\0",
        "example.org:443",
    ),
    (
        b"\x05\x01\0\x05\x01\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\0\x50",
        b"\x05\0",
        "[2001:db8::1]:80",
    ),
    (b"\x04\x01\0\x50\xc0\0\x02\x01me\0", b"", "192.0.2.1:80"),
    (
        b"\x04\x01\0\x50\0\0\0\x07\0example.org\0",
        b"",
        "example.org:80",
    ),
];

#[test]
fn what_is_asked_for_is_connected_and_relayed() {
    for (request, methods, destination) in REQUESTS {
        for cut in CUTS {
            let (asked, server) = server();
            let client = receive(&server, &[request, b"GET /"].concat(), cut);
            assert_eq!(client.take_written(), methods);
            assert_eq!(asked.borrow()[0].destination().to_string(), destination);
            assert!(
                client.is_paused(),
                "nothing is read before there is somewhere to send it"
            );
            let target = outbound(&asked);
            client.clock().run();
            let granted = match request[0] {
                4 => b"\0\x5a\0\0\0\0\0\0".to_vec(),
                _ => b"\x05\0\0\x01\0\0\0\0\0\0".to_vec(),
            };
            assert_eq!(client.take_written(), granted);
            assert_eq!(target.take_written(), b"GET /");
            target.receive(b"200 OK");
            client.receive(b" more");
            assert_eq!(client.take_written(), b"200 OK");
            assert_eq!(target.take_written(), b" more");
            client.end_input();
            assert!(
                target.is_write_closed() && !target.is_closing(),
                "half a close is passed on"
            );
            target.end_input();
            target.clock().run();
            client.clock().run();
            assert!(target.is_closing() && client.is_closing());
            assert_eq!(client.clock().pending_calls(), 0);
        }
    }
}

#[test]
fn users_are_asked_for_their_passwords() {
    let check = |user: &[u8], password: &[u8]| (user, password) == (b"me", b"secret");
    let (asked, server) = server_with(|server| server.users(check));
    assert_eq!(
        refused(&server, b"\x05\x01\0"),
        b"\x05\xff",
        "no way around it"
    );
    assert_eq!(
        refused(&server, b"\x04\x01\0\x50\xc0\0\x02\x01me\0"),
        b"\0\x5b\0\0\0\0\0\0"
    );
    let greeting = b"\x05\x02\0\x02";
    for wrong in [
        &b"\x01\x02me\x05wrong"[..],
        b"\x01\0\0",
        b"\x02\x02me\x06secret",
    ] {
        assert_eq!(
            refused(&server, &[greeting, wrong].concat()),
            b"\x05\x02\x01\x01"
        );
    }
    // The password of one request is not that of the next, and what is pipelined behind a wrong one
    // is not run.
    let all = b"\x05\x01\x02\x01\x02me\x06secreX\x05\x01\0\x01\xc0\0\x02\x01\0\x50";
    assert_eq!(refused(&server, all), b"\x05\x02\x01\x01");
    assert!(asked.borrow().is_empty());
    let right = b"\x05\x01\x02\x01\x02me\x06secret\x05\x01\0\x01\xc0\0\x02\x01\0\x50";
    let client = receive(&server, right, 3);
    assert_eq!(client.take_written(), b"\x05\x02\x01\0");
    assert_eq!(asked.borrow()[0].user(), Some(&b"me"[..]));
}

#[test]
fn a_malformed_request_gets_a_reply_that_says_so() {
    let (asked, server) = server();
    let v5 = |request: &[u8]| refused(&server, &[b"\x05\x01\0", request].concat())[2..].to_vec();
    let reply = |code: u8| [&[5, code, 0, 1][..], &[0; 6]].concat();
    assert_eq!(v5(b"\x05\x02\0\x01\xc0\0\x02\x01\0\x50"), reply(7), "BIND");
    assert_eq!(
        v5(b"\x05\x03\0\x01\xc0\0\x02\x01\0\x50"),
        reply(7),
        "UDP ASSOCIATE"
    );
    assert_eq!(v5(b"\x05\x01\0\x02"), reply(8), "a kind of address");
    assert_eq!(
        v5(b"\x05\x01\0\x03\0\0\x50"),
        reply(1),
        "a name of no length"
    );
    assert_eq!(
        v5(b"\x05\x01\0\x03\x05a\0b.c\0\x50"),
        reply(1),
        "a zero in a name"
    );
    assert_eq!(
        v5(b"\x05\x01\0\x03\x03a b\0\x50"),
        reply(1),
        "a space in a name"
    );
    assert_eq!(
        v5(b"\x05\x01\x01\x01\xc0\0\x02\x01\0\x50"),
        reply(1),
        "a reserved byte"
    );
    assert_eq!(
        v5(b"\x04\x01\0\x01"),
        reply(1),
        "another version in mid-stream"
    );
    assert_eq!(
        v5(b"\x05\x01\0\x01\xc0\0\x02\x01\0\x19"),
        reply(2),
        "the rule: no mail"
    );
    let rejected = b"\0\x5b\0\0\0\0\0\0";
    assert_eq!(
        refused(&server, b"\x04\x02\0\x50\xc0\0\x02\x01\0"),
        rejected
    );
    assert_eq!(refused(&server, b"\x04\x01\0\x50\0\0\0\x07\0\0"), rejected);
    let endless = [b"\x04\x01\0\x50\xc0\0\x02\x01", &[b'x'; 256][..]].concat();
    assert_eq!(refused(&server, &endless), rejected);
    assert_eq!(refused(&server, b"GET / HTTP/1.1\r\n"), b"");
    assert_eq!(refused(&server, b"\x05\0"), b"\x05\xff");
    assert!(asked.borrow().is_empty());
}

#[test]
fn a_long_name_is_a_name() {
    let (asked, server) = server();
    let name = [b'x'; 255];
    let request = [b"\x05\x01\0\x05\x01\0\x03\xff", &name[..], b"\0\x50"].concat();
    let _client = receive(&server, &request, 7);
    assert_eq!(asked.borrow()[0].destination().to_string().len(), 255 + 3);
}

#[test]
fn an_address_in_disguise_is_seen_by_the_rule() {
    for address in [
        &b"\x03\x09127.0.0.1\0\x50"[..],
        b"\x03\x10::ffff:127.0.0.1\0\x50",
        b"\x04\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\x01\0\x50",
    ] {
        let (asked, server) = server();
        let request = [b"\x05\x01\0\x05\x01\0", address].concat();
        let _client = receive(&server, &request, 7);
        assert_eq!(asked.borrow()[0].destination().to_string(), "127.0.0.1:80");
    }
}

#[test]
fn a_request_without_an_answer_is_refused() {
    for (request, _, _) in REQUESTS {
        let (asked, server) = server();
        let client = receive(&server, request, 64);
        client.take_written();
        asked.borrow_mut().clear();
        assert!(client.is_closing());
        let failed: &[u8] = if request[0] == 4 {
            b"\0\x5b"
        } else {
            b"\x05\x01"
        };
        assert!(client.written().starts_with(failed));

        let client = receive(&server, request, 64);
        let protocol = asked.borrow_mut().pop().expect("it was asked").outbound();
        assert!(!client.is_closing());
        drop(protocol);
        assert!(client.is_closing(), "the protocol is never connected");
    }
}

#[test]
fn a_slow_handshake_is_cut_off() {
    let (asked, server) = server();
    let client = receive(&server, b"\x05\x01\0\x05", 64);
    client.clock().advance(Duration::from_secs(10));
    assert!(client.is_aborted());
    let client = receive(&server, REQUESTS[0].0, 64);
    client.clock().advance(Duration::from_secs(1000));
    assert!(!client.is_closing(), "connecting has its own limit");
    drop(asked);
}

#[test]
fn a_request_is_the_factory_of_its_connection() {
    let reactor = Rc::new(MemoryReactor::new());
    let dialler = reactor.clone();
    let server = FactoryRef::from(SocksServer::new(
        |_| true,
        move |request| match *request.destination() {
            Destination::Ip(address) => {
                dialler.connect_tcp_factory(address, request);
            }
            Destination::Domain(..) => request.refuse(SocksReply::HostUnreachable),
        },
    ));
    for (error, code) in [
        (
            ConnectError::ConnectionRefused(ErrorKind::ConnectionRefused.into()),
            5,
        ),
        (
            ConnectError::Unreachable(ErrorKind::HostUnreachable.into()),
            4,
        ),
        (ConnectError::TimedOut(Duration::from_secs(30)), 6),
        (ConnectError::Failed(ErrorKind::Other.into()), 1),
    ] {
        let client = receive(&server, REQUESTS[0].0, 64);
        reactor.connecting()[0].fail(error);
        reactor.clock().run();
        assert!(client.take_written().starts_with(&[5, 0, 5, code]));
        assert!(client.is_closing());
    }
    let client = receive(&server, REQUESTS[0].0, 64);
    assert_eq!(reactor.connecting().len(), 1);
    client.lose(Reason::Done);
    reactor.clock().run();
    assert!(
        reactor.connecting().is_empty(),
        "no connection is made for a client that has gone"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_server_takes_anything_at_any_cut(
        start in prop::sample::select(vec![&b""[..], b"\x05\x01\0", b"\x05\x01\0\x05\x01\0", b"\x04\x01\0\x50"]),
        bytes in vec(prop_oneof![any::<u8>(), 0_u8..8], 0..300),
        cut in 1_usize..20,
    ) {
        let bytes = [start, &bytes].concat();
        let outcome = |cut| {
            let (asked, server) = server();
            let client = receive(&server, &bytes, cut);
            let destination = asked.borrow().first().map(|request| request.destination().clone());
            (destination, client.is_closing(), client.written())
        };
        prop_assert_eq!(outcome(cut), outcome(usize::MAX));
    }
}
