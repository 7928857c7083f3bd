//! What goes through a proxy: SOCKS 5 and HTTP CONNECT.

use super::*;

/// Says hello, and keeps what it hears.
#[derive(Clone, Default)]
struct Client {
    heard: Rc<RefCell<Vec<u8>>>,
    made: Rc<Cell<bool>>,
    lost: Rc<RefCell<Option<Reason>>>,
}

impl Client {
    fn socks_error(&self) -> Option<SocksError> {
        self.lost.borrow().as_ref()?.downcast_ref().copied()
    }
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &TransportRef) {
        assert!(!self.made.replace(true), "it is made once");
        transport.write(b"hello");
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.heard.borrow_mut().extend(data);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        *self.lost.borrow_mut() = Some(reason.clone());
    }
}

/// Speaks before it is spoken to, and echoes.
struct Echo;

impl Protocol for Echo {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(b"welcome ");
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(data);
    }
}

#[test]
fn a_client_goes_through_the_server_at_any_cut() {
    for cut in CUTS {
        for (user, host) in [
            (false, "example.org"),
            (true, "192.0.2.1"),
            (true, "2001:db8::1"),
        ] {
            let clock = Rc::new(ManualClock::new());
            let targets = Rc::new(RefCell::new(Vec::new()));
            let (made, on) = (targets.clone(), clock.clone());
            let server = SocksServer::new(
                |_| true,
                move |request| {
                    made.borrow_mut()
                        .push(Pair::on(&on, request.outbound(), Echo).cut(cut))
                },
            );
            let server = match user {
                true => server.users(|user, password| (user, password) == (b"me", b"secret")),
                false => server,
            };
            let client = Client::default();
            let destination = Destination::new(host, 7).expect("a good name");
            let through = SocksClient::to(destination).user("me", "secret");
            let through = Tap::new().wrap(through.wrap(Tap::new().wrap(client.clone())));
            let protocol = server
                .build_protocol(&Address::Unknown)
                .expect("it serves anyone");
            let pair = Pair::on(&clock, through, protocol).cut(cut);
            pair.run();
            assert_eq!(*client.heard.borrow(), b"welcome hello");
            pair.client().lose_connection();
            pair.advance(Duration::from_secs(5));
            assert!(client.lost.borrow().as_ref().is_some_and(Reason::is_clean));
            assert_eq!(clock.pending_calls(), 0);
        }
    }
}

/// A client behind `wrap` that hears `bytes` from its proxy, in pieces.
fn answered(
    wrap: &dyn Fn(Client) -> ProtocolRef,
    bytes: &[u8],
    cut: usize,
) -> (Client, RecordingTransport) {
    let client = Client::default();
    let recording = RecordingTransport::connect(wrap(client.clone()));
    for piece in bytes.chunks(cut) {
        recording.receive(piece);
    }
    if recording.is_closing() {
        recording.lose(Reason::Done);
        assert_eq!(recording.clock().pending_calls(), 0);
    }
    (client, recording)
}

#[test]
fn a_client_says_why_the_proxy_did_not_connect() {
    let destination = Destination::new("example.org", 7).expect("a good name");
    let plain = SocksClient::to(destination.clone());
    let named = plain.clone().user("me", "secret");
    let overlong = plain.clone().user("me", "x".repeat(256));
    let cases: [(&SocksClient, &[u8], SocksError); 8] = [
        (&plain, b"\x05\xff", SocksError::NoMethod),
        (&plain, b"\x05\x02", SocksError::NoMethod),
        (&plain, b"HTTP/1.1 400", SocksError::BadVersion(b'H')),
        (
            &plain,
            b"\x05\0\x05\x05\0\x01",
            SocksError::Refused(SocksReply::ConnectionRefused),
        ),
        (
            &plain,
            b"\x05\0\x05\x63\0\x01",
            SocksError::Refused(SocksReply::Other(0x63)),
        ),
        (&plain, b"\x05\0\x05\0\0\x09", SocksError::AddressType(9)),
        (&named, b"\x05\x02\x01\x01", SocksError::BadCredentials),
        (&overlong, b"\x05\x02", SocksError::BadCredentials),
    ];
    for (through, bytes, error) in cases {
        for cut in CUTS {
            let (client, _recording) = answered(&|client| through.wrap(client), bytes, cut);
            assert_eq!(
                client.socks_error(),
                Some(error),
                "{}",
                bytes.escape_ascii()
            );
            assert!(!client.made.get());
        }
    }
    let (client, recording) = answered(&|client| plain.wrap(client), b"\x05\0\x05\0\0", 3);
    recording.clock().advance(Duration::from_secs(30));
    recording.lose(Reason::Done);
    let lost = client.lost.borrow();
    let error = lost.as_ref().and_then(|lost| lost.downcast_ref());
    assert_eq!(
        error,
        Some(&OpeningError::TimedOut(Duration::from_secs(30)))
    );
}

fn http(client: Client) -> ProtocolRef {
    let destination = Destination::new("2001:db8::1", 443).expect("a good address");
    HttpConnect::to(destination)
        .user("me", "secret")
        .wrap(client)
}

#[test]
fn http_connect_goes_through_at_any_cut() {
    let request = "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\
                   Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n";
    for answer in [
        "HTTP/1.1 200 Connection established\r\n\r\nwelcome",
        "HTTP/1.0 200\r\nVia: x\r\nContent-Length: 3\r\n\r\nwelcome",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 OK\r\n\r\nwelcome",
    ] {
        for cut in CUTS {
            let (client, recording) = answered(&http, answer.as_bytes(), cut);
            assert_eq!(*client.heard.borrow(), b"welcome", "{answer}");
            assert_eq!(recording.written(), [request, "hello"].concat().as_bytes());
        }
    }
}

#[test]
fn http_connect_says_why_not() {
    for (answer, error) in [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            HttpConnectError::Refused(407),
        ),
        (
            "HTTP/1.1 302 Found\r\nLocation: x\r\n\r\n",
            HttpConnectError::Refused(302),
        ),
        ("HTTP/2", HttpConnectError::NotHttp),
        ("SSH-2.0-x\r\n", HttpConnectError::NotHttp),
        ("HTTP/1.1 OK\r\n\r\n", HttpConnectError::NotHttp),
    ] {
        for cut in CUTS {
            let (client, _recording) = answered(&http, answer.as_bytes(), cut);
            let lost = client.lost.borrow();
            let reason = lost.as_ref().and_then(|lost| lost.downcast_ref());
            assert_eq!(reason, Some(&error), "{answer}");
            assert!(!client.made.get());
        }
    }
    let endless = [b"HTTP/1.1 200 OK\r\n", &b"X: y\r\n".repeat(4000)[..]].concat();
    let (client, _recording) = answered(&http, &endless, 1000);
    let lost = client.lost.borrow();
    assert!(matches!(
        lost.as_ref().and_then(|lost| lost.downcast_ref()),
        Some(OpeningError::TooLong(_))
    ));
}

#[test]
fn names_that_would_break_a_line_are_refused() {
    for name in ["", "a\r\nb", "a b", "a\0b", "\u{e4}", &"x".repeat(256)] {
        assert!(Destination::new(name, 1).is_err(), "{name:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_client_takes_anything_at_any_cut(
        start in prop::sample::select(vec![&b""[..], b"\x05\0", b"\x05\0\x05\0\0", b"\x05\x02\x01\0", b"HTTP/1.1 200 "]),
        bytes in vec(prop_oneof![any::<u8>(), 0_u8..8, prop::sample::select(b"\r\n".to_vec())], 0..300),
        cut in 1_usize..20,
    ) {
        let bytes = [start, &bytes].concat();
        let socks = |client| {
            let destination = Destination::new("example.org", 7).expect("a good name");
            SocksClient::to(destination).user("me", "secret").wrap(client)
        };
        let wraps: [&dyn Fn(Client) -> ProtocolRef; 2] = [&socks, &http];
        for wrap in wraps {
            let outcome = |cut| {
                let (client, recording) = answered(wrap, &bytes, cut);
                let lost = client.lost.borrow().as_ref().map(ToString::to_string);
                (client.heard.take(), client.made.get(), lost, recording.written())
            };
            prop_assert_eq!(outcome(cut), outcome(usize::MAX));
        }
    }
}
