//! The PROXY protocol, both versions, both sides.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use retwist_protocols::{
    Opening, OpeningError, Policy, ProxyError, ProxyHeader, ProxyOrigin, ProxyProtocol,
    SendProxyHeader, Tap, Tlv,
};
use retwist_reactor::testing::{Pair, RecordingTransport};
use retwist_reactor::{Address, Layer, Protocol, Reason, TransportRef};

use crate::common::{CUTS, address};

/// Keeps what it hears, and what it saw when it was connected.
#[derive(Clone, Default)]
struct Server(Rc<RefCell<Heard>>);

#[derive(Default)]
struct Heard {
    ends: Option<(Address, Address)>,
    header: Option<Rc<ProxyHeader>>,
    data: Vec<u8>,
    lost: Option<Reason>,
}

impl Protocol for Server {
    fn connection_made(&mut self, transport: &TransportRef) {
        let mut heard = self.0.borrow_mut();
        assert!(heard.ends.is_none(), "it is made once");
        heard.ends = Some((transport.peer(), transport.host()));
        heard.header = ProxyHeader::of(transport);
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.0.borrow_mut().data.extend(data);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.0.borrow_mut().lost = Some(reason.clone());
    }
}

impl Server {
    fn is_made(&self) -> bool {
        self.0.borrow().ends.is_some()
    }

    fn error(&self) -> Option<ProxyError> {
        self.0.borrow().lost.as_ref()?.downcast_ref().cloned()
    }
}

fn some_client() -> ProxyHeader {
    ProxyHeader::client(address("192.0.2.1:1234"), address("198.51.100.9:443"))
}

/// What the server hears of `bytes` in pieces of `cut`, and whether it is closed then.
fn receive(bytes: &[u8], cut: usize) -> (Server, RecordingTransport) {
    let server = Server::default();
    let recording =
        RecordingTransport::connect(ProxyProtocol::trusting_anyone().wrap(server.clone()));
    for piece in bytes.chunks(cut) {
        recording.receive(piece);
    }
    (server, recording)
}

fn refused(bytes: &[u8]) -> ProxyError {
    let mut error = None;
    for cut in CUTS {
        let (server, recording) = receive(bytes, cut);
        assert!(recording.is_closing(), "{}", bytes.escape_ascii());
        recording.lose(Reason::Done);
        assert!(!server.is_made() && server.0.borrow().data.is_empty());
        let this = server.error().expect("an error of the parser");
        assert_eq!(
            *error.get_or_insert(this.clone()),
            this,
            "in pieces of {cut}"
        );
        assert_eq!(recording.clock().pending_calls(), 0);
    }
    error.expect("there are cuts")
}

#[test]
fn the_addresses_of_the_header_are_those_of_the_connection() {
    for header in [some_client().to_v1(), some_client().to_v2()] {
        for cut in CUTS {
            let (server, _recording) = receive(&[&header, &b"\x16\x03\x01hello"[..]].concat(), cut);
            let heard = server.0.borrow();
            assert_eq!(
                heard.ends,
                Some((address("192.0.2.1:1234"), address("198.51.100.9:443")))
            );
            assert_eq!(heard.data, b"\x16\x03\x01hello");
        }
    }
}

#[test]
fn the_header_alone_makes_the_connection() {
    let header = some_client().to_v2();
    let (server, recording) = receive(&header[..header.len() - 1], 5);
    assert!(!server.is_made());
    recording.receive(&header[header.len() - 1..]);
    assert!(
        server.is_made(),
        "a client may wait for the server to speak first"
    );
}

#[test]
fn local_and_unknown_keep_the_addresses() {
    let unknown = ProxyHeader {
        origin: ProxyOrigin::Unknown,
        tlvs: Vec::new(),
    };
    for (header, origin) in [
        (ProxyHeader::local().to_v2(), ProxyOrigin::Local),
        (unknown.to_v2(), ProxyOrigin::Unknown),
        (unknown.to_v1(), ProxyOrigin::Unknown),
        (
            b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(),
            ProxyOrigin::Unknown,
        ),
        // Datagrams, and a LOCAL with a rest that means nothing.
        (
            b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\x01\x01\x01\x01\x02\x02\x02\x02\0\x01\0\x02"
                .to_vec(),
            ProxyOrigin::Unknown,
        ),
        (
            b"\r\n\r\n\0\r\nQUIT\n\x20\x11\0\x03abc".to_vec(),
            ProxyOrigin::Local,
        ),
        // Nor does its family.
        (
            b"\r\n\r\n\0\r\nQUIT\n\x20\x4f\0\0".to_vec(),
            ProxyOrigin::Local,
        ),
    ] {
        let (server, _recording) = receive(&[&header, &b"data"[..]].concat(), 7);
        let heard = server.0.borrow();
        let memory = (
            Address::Memory("peer".into()),
            Address::Memory("host".into()),
        );
        assert_eq!(heard.ends, Some(memory));
        assert_eq!(
            heard.header.as_ref().map(|header| header.origin.clone()),
            Some(origin)
        );
        assert_eq!(heard.data, b"data");
    }
}

#[test]
fn further_information_reaches_the_application() {
    let header = some_client()
        .tlv(Tlv::AUTHORITY, "example.org")
        .tlv(0xe0, [1, 2, 3]);
    let (server, _recording) = receive(&header.to_v2(), 1);
    let heard = server.0.borrow();
    let received = heard.header.clone().expect("there was one");
    assert_eq!(*received, header);
    assert_eq!(received.value(Tlv::AUTHORITY), Some(&b"example.org"[..]));
    assert_eq!(received.value(Tlv::ALPN), None);
}

#[test]
fn ipv6_and_unix_addresses_come_through() {
    let six = ProxyHeader::client(address("[2001:db8::1]:1"), address("[2001:db8::2]:65535"));
    for bytes in [six.to_v1(), six.to_v2()] {
        let (server, _recording) = receive(&bytes, 64);
        assert_eq!(server.0.borrow().header.as_deref(), Some(&six));
    }
    let path = std::path::Path::new("/run/client").into();
    let unix = ProxyHeader::client(Address::Unix(Some(path)), Address::Unix(None));
    let (server, _recording) = receive(&unix.to_v2(), 64);
    assert_eq!(server.0.borrow().header.as_deref(), Some(&unix));
    assert_eq!(unix.to_v1(), b"PROXY UNKNOWN\r\n");
}

#[test]
fn what_is_not_a_header_is_refused() {
    assert_eq!(refused(b"GET / HTTP/1.1\r\n\r\n"), ProxyError::NoHeader);
    assert_eq!(refused(b"\x16\x03\x01\x02\0\x01\0"), ProxyError::NoHeader);
    assert_eq!(refused(b"PROXIES"), ProxyError::NoHeader);
    assert_eq!(refused(b"\r\n\r\n\r\n"), ProxyError::NoHeader);
    assert_eq!(
        refused(b"PROXY TCP4 1.1.1.1 2.2.2.2 3\r\nx"),
        ProxyError::BadLine
    );
    assert_eq!(refused(b"PROXY UNKNOWN a\rb\r\n"), ProxyError::BadLine);
    assert_eq!(
        refused(&[b"PROXY UNKNOWN ", &[b'x'; 200][..]].concat()),
        ProxyError::LineTooLong
    );
}

/// A header of version 2 with this behind the signature.
fn v2(rest: &[u8]) -> Vec<u8> {
    [b"\r\n\r\n\0\r\nQUIT\n", rest].concat()
}

#[test]
fn what_breaks_version_2_is_refused() {
    assert_eq!(refused(&v2(b"\x11\x11\0\x00")), ProxyError::BadByte(0x11));
    assert_eq!(refused(&v2(b"\x22\x11\0\x00")), ProxyError::BadByte(0x22));
    assert_eq!(refused(&v2(b"\x21\x41\0\x00")), ProxyError::BadByte(0x41));
    assert_eq!(refused(&v2(b"\x21\x13\0\x00")), ProxyError::BadByte(0x13));
    assert_eq!(
        refused(&v2(b"\x21\x11\0\x0baaaabbbbccd")),
        ProxyError::Truncated
    );
    assert_eq!(
        refused(&v2(b"\x21\x11\0\x0eaaaabbbbccddx\0")),
        ProxyError::Truncated
    );
    assert_eq!(
        refused(&v2(b"\x21\x11\0\x10aaaabbbbccdd\xe0\0\x02x")),
        ProxyError::Truncated
    );
    let too_long = ProxyError::TooLong {
        length: 65_551,
        limit: 4096,
    };
    assert_eq!(refused(&v2(b"\x21\x11\xff\xff")), too_long);
    let mut header = some_client().tlv(0xe0, "x").to_v2();
    header[20] ^= 1;
    assert_eq!(refused(&header), ProxyError::BadChecksum);
}

#[test]
fn the_greatest_header_fits_if_it_is_allowed() {
    let header = some_client().tlv(0xe0, vec![7; 65_000]);
    let server = Server::default();
    let policy = ProxyProtocol::trusting_anyone().max_length(70_000);
    let recording = RecordingTransport::connect(policy.wrap(server.clone()));
    recording.receive(&header.to_v2());
    assert_eq!(server.0.borrow().header.as_deref(), Some(&header));
    let too_much = some_client().tlv(0xe0, vec![7; 65_530]).to_v2();
    assert_eq!(
        too_much.len(),
        some_client().to_v2().len(),
        "what does not fit is left out"
    );
}

#[test]
fn only_trusted_proxies_are_heard() {
    // In a stack, the peer of the second header is the one that the first names.
    for (trusted, made) in [("192.0.2.0/24", true), ("198.51.100.0/24", false)] {
        let server = Server::default();
        let inner = ProxyProtocol::trusting([trusted.parse().expect("a prefix")]);
        let outer = ProxyProtocol::trusting([]);
        let recording = RecordingTransport::connect(outer.wrap(inner.wrap(server.clone())));
        let second = ProxyHeader::client(address("203.0.113.5:5"), address("203.0.113.6:6"));
        recording.receive(&[some_client().to_v1(), second.to_v2()].concat());
        assert_eq!(server.is_made(), made);
        assert_eq!(recording.is_closing(), !made);
        recording.lose(Reason::Done);
        let error = ProxyError::Untrusted(address("192.0.2.1:1234"));
        assert_eq!(server.error(), (!made).then_some(error));
    }
}

#[test]
fn a_header_that_is_late_or_cut_off_closes() {
    let (server, recording) = receive(b"PROXY TCP4 ", 3);
    recording.clock().advance(Duration::from_secs(9));
    assert!(!recording.is_closing());
    recording.clock().advance(Duration::from_secs(1));
    assert!(recording.is_closing());
    recording.lose(Reason::Done);
    let error = server
        .0
        .borrow()
        .lost
        .as_ref()
        .and_then(|lost| lost.downcast_ref().copied());
    assert_eq!(error, Some(OpeningError::TimedOut(Duration::from_secs(10))));

    let (server, recording) = receive(b"PROXY TCP4 ", 3);
    recording.end_input();
    assert!(recording.is_closing());
    recording.lose(Reason::Done);
    let error = server
        .0
        .borrow()
        .lost
        .as_ref()
        .and_then(|lost| lost.downcast_ref().copied());
    assert_eq!(error, Some(OpeningError::Ended));
    assert!(!server.is_made());
    assert_eq!(recording.clock().pending_calls(), 0);
}

#[test]
fn the_sender_says_it_first() {
    struct Client;
    impl Protocol for Client {
        fn connection_made(&mut self, transport: &TransportRef) {
            transport.write(b"data");
        }

        fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
    }
    for header in [
        SendProxyHeader::v1(&some_client()),
        SendProxyHeader::v2(&some_client()),
    ] {
        let server = Server::default();
        // Above and below other layers.
        let client = Tap::new().wrap(header.wrap(Tap::new().wrap(Client)));
        let proxied = ProxyProtocol::trusting([]).wrap(Tap::new().wrap(server.clone()));
        let pair = Pair::new(client, proxied).cut(5);
        pair.run();
        assert_eq!(server.0.borrow().data, b"data");
        assert_eq!(server.0.borrow().header.as_deref(), Some(&some_client()));
    }
}

#[test]
fn what_is_written_early_comes_behind_the_header() {
    let header = SendProxyHeader::v1(&some_client());
    let layer = header.layer(Server::default().into());
    let transport = layer.transport();
    let below = layer.as_protocol();
    transport.write(b"early ");
    transport.lose_write_connection();
    let recording = RecordingTransport::connect(below);
    assert_eq!(
        recording.written(),
        [&some_client().to_v1(), &b"early "[..]].concat()
    );
    assert!(recording.is_write_closed());
}

#[test]
fn a_close_before_the_header_waits_for_what_was_written() {
    for header in [&some_client().to_v1()[..], b"nonsense", b""] {
        let server = Server::default();
        let layer = ProxyProtocol::trusting_anyone().layer(server.clone().into());
        let transport = layer.transport();
        let recording = RecordingTransport::connect(layer.as_protocol());
        transport.write(b"early");
        transport.lose_connection();
        assert!(!recording.is_closing());
        recording.receive(header);
        recording.clock().advance(Duration::from_secs(10));
        let sent: &[u8] = if header.starts_with(b"PROXY") {
            b"early"
        } else {
            b""
        };
        assert_eq!(recording.written(), sent);
        assert!(recording.is_closing(), "{}", header.escape_ascii());
        recording.lose(Reason::Done);
        assert_eq!(recording.clock().pending_calls(), 0);
    }
}

/// Bytes that are near to being a header.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        Just(some_client().to_v1()),
        Just(some_client().tlv(0xe1, "value").to_v2()),
        vec(any::<u8>(), 0..150),
    ];
    let edits = vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (bytes, edits, vec(any::<u8>(), 0..30)).prop_map(|(mut bytes, edits, more)| {
        for (at, byte) in edits {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        bytes.extend(more);
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_is_the_same(bytes in nearly(), cut in 1_usize..20) {
        let outcome = |cut| {
            let (server, recording) = receive(&bytes, cut);
            let closing = recording.is_closing();
            recording.lose(Reason::Done);
            let heard = server.0.borrow();
            (closing, heard.ends.clone(), heard.header.clone(), heard.data.clone(), server.error())
        };
        let whole = outcome(usize::MAX);
        prop_assert_eq!(&outcome(cut), &whole);
        prop_assert_eq!(&outcome(1), &whole);
    }
}

#[test]
fn an_opening_that_uses_nothing_has_a_limit() {
    struct Never;
    impl Opening for Never {
        type Error = ProxyError;

        fn advance(
            &mut self,
            _: &[u8],
            _: &mut Vec<u8>,
        ) -> Result<retwist_protocols::Step, ProxyError> {
            Ok(retwist_protocols::Step::used(0))
        }
    }
    let server = Server::default();
    let layer = retwist_protocols::OpeningLayer::new(Never, server.clone().into());
    let recording = RecordingTransport::connect(layer.as_protocol());
    recording.receive(&[0; 16_384]);
    assert!(!recording.is_closing());
    recording.receive(&[0; 1]);
    assert!(recording.is_closing());
    recording.lose(Reason::Done);
    let error = server
        .0
        .borrow()
        .lost
        .as_ref()
        .and_then(|lost| lost.downcast_ref().copied());
    assert_eq!(error, Some(OpeningError::TooLong(16_384)));
}
