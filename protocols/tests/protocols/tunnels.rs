//! Clients that go through a proxy, and find the destination there.

use retwist_protocols::{
    Destination, HttpConnect, OpeningError, Policy, SocksClient, SocksError, TunnelError,
    TunnelServer,
};
use retwist_reactor::testing::{Pair, RecordingTransport};
use retwist_reactor::{ProtocolRef, Reason};

use crate::common::{CUTS, Ear};

fn asked(server: TunnelServer, bytes: &[u8], cut: usize) -> (Ear, RecordingTransport) {
    let above = Ear::default();
    let recording = RecordingTransport::connect(server.wrap(above.clone()));
    for piece in bytes.chunks(cut) {
        recording.receive(piece);
    }
    if recording.is_closing() {
        recording.lose(Reason::Done);
    }
    (above, recording)
}

#[test]
fn a_request_is_granted_and_known_above() {
    let http = TunnelServer::http;
    let socks = TunnelServer::socks;
    let yes = &b"HTTP/1.1 200 Connection established\r\n\r\n"[..];
    let cases: [(TunnelServer, &[u8], &str, &[u8]); 7] = [
        (
            http(),
            b"CONNECT a.example:443 HTTP/1.1\r\nHost: a\r\n\r\n",
            "a.example:443",
            yes,
        ),
        (
            http(),
            b"CONNECT [2001:db8::1]:25 HTTP/1.0\r\n\r\n",
            "[2001:db8::1]:25",
            yes,
        ),
        (
            http(),
            b"CONNECT 192.0.2.1:1 HTTP/1.1\nX: y\n\n",
            "192.0.2.1:1",
            yes,
        ),
        (
            socks(),
            b"\x05\x02\x02\x00\x05\x01\0\x03\x01a\x01\xbb",
            "a:443",
            b"\x05\0\x05\0\0\x01\0\0\0\0\0\0",
        ),
        (
            socks(),
            b"\x05\x01\x00\x05\x01\0\x01\xc0\0\x02\x01\0\x19",
            "192.0.2.1:25",
            b"\x05\0\x05\0\0\x01\0\0\0\0\0\0",
        ),
        (
            socks(),
            b"\x04\x01\0\x19\xc0\0\x02\x01me\0",
            "192.0.2.1:25",
            b"\0\x5a\0\0\0\0\0\0",
        ),
        (
            socks(),
            b"\x04\x01\0\x19\0\0\0\x01me\0a\0",
            "a:25",
            b"\0\x5a\0\0\0\0\0\0",
        ),
    ];
    for (server, bytes, destination, said) in cases {
        for cut in CUTS {
            let all = [bytes, b"\x16hello"].concat();
            let (above, recording) = asked(server, &all, cut);
            assert_eq!(recording.written(), said, "{}", bytes.escape_ascii());
            assert_eq!(*above.heard.borrow(), b"\x16hello");
            let found = TunnelServer::destination(&above.transport());
            assert_eq!(
                found.map(|found| found.to_string()).as_deref(),
                Some(destination)
            );
        }
    }
}

#[test]
fn what_asks_for_no_connection_is_told_so() {
    let http = TunnelServer::http;
    let socks = TunnelServer::socks;
    let malformed = TunnelError::Socks(SocksError::Malformed);
    let cases: [(TunnelServer, &[u8], TunnelError, &[u8]); 16] = [
        (
            http(),
            b"GET / HTTP/1.1\r\n",
            TunnelError::NotConnect,
            b"HTTP/1.1 405 ",
        ),
        (
            http(),
            b"CONNEXION a:1 HTTP/1.1\r\n",
            TunnelError::NotConnect,
            b"HTTP/1.1 405 ",
        ),
        (http(), b"\x16\x03\x01", TunnelError::NotConnect, b""),
        (
            http(),
            b"CONNECT a HTTP/1.1\r\n\r\n",
            TunnelError::BadRequest,
            b"HTTP/1.1 400 ",
        ),
        (
            http(),
            b"CONNECT a:0x1 HTTP/1.1\r\n\r\n",
            TunnelError::BadRequest,
            b"HTTP/1.1 400 ",
        ),
        (
            http(),
            b"CONNECT :1 HTTP/1.1\r\n\r\n",
            TunnelError::BadRequest,
            b"HTTP/1.1 400 ",
        ),
        (
            http(),
            b"CONNECT a:b:1 HTTP/1.1\r\n\r\n",
            TunnelError::BadRequest,
            b"HTTP/1.1 400 ",
        ),
        (
            http(),
            b"CONNECT a:1 HTTP/2\r\n\r\n",
            TunnelError::BadRequest,
            b"HTTP/1.1 400 ",
        ),
        (
            http(),
            b"CONNECT a:1 HTTP/1.1 x\r\n\r\n",
            TunnelError::BadRequest,
            b"HTTP/1.1 400 ",
        ),
        (
            http(),
            b"CONNECT a\0b:1 HTTP/1.1\r\n\r\n",
            TunnelError::BadRequest,
            b"HTTP/1.1 400 ",
        ),
        (
            socks(),
            b"\x06",
            TunnelError::Socks(SocksError::BadVersion(6)),
            b"",
        ),
        (
            socks(),
            b"\x05\x01\x02",
            TunnelError::Socks(SocksError::NoMethod),
            b"\x05\xff",
        ),
        (
            socks(),
            b"\x05\x01\x00\x05\x02\0\x01\0\0\0\0\0\0",
            TunnelError::NotConnect,
            b"\x05\0\x05\x07",
        ),
        (
            socks(),
            b"\x05\x01\x00\x05\x01\0\x03\x01 \0\x01",
            malformed,
            b"\x05\0\x05\x01",
        ),
        (
            socks(),
            b"\x05\x01\x00\x05\x01\0\x09",
            TunnelError::Socks(SocksError::AddressType(9)),
            b"\x05\0",
        ),
        (
            socks(),
            b"\x04\x02\0\x19\xc0\0\x02\x01me\0",
            TunnelError::NotConnect,
            b"\0\x5b",
        ),
    ];
    for (server, bytes, error, said) in cases {
        for cut in CUTS {
            let (above, recording) = asked(server, bytes, cut);
            assert!(!above.is_made());
            assert_eq!(above.error(), Some(error), "{}", bytes.escape_ascii());
            let answer = recording.written();
            assert!(answer.starts_with(said) && (!said.is_empty() || answer.is_empty()));
        }
    }
}

#[test]
fn a_request_without_an_end_ends() {
    let endless = [b"CONNECT a:1 HTTP/1.1\r\n", &b"X: y\r\n".repeat(20_000)[..]].concat();
    let (above, _recording) = asked(TunnelServer::http(), &endless, 1000);
    assert_eq!(above.error(), Some(OpeningError::TooLong(16 * 1024)));
}

#[test]
fn the_clients_of_this_crate_find_the_destination() {
    let to = || Destination::new("a.example", 443).expect("a good name");
    let http = |above: Ear| -> ProtocolRef { HttpConnect::to(to()).wrap(above) };
    let socks = |above: Ear| -> ProtocolRef { SocksClient::to(to()).wrap(above) };
    for cut in CUTS {
        for (server, client) in [
            (TunnelServer::http(), &http as &dyn Fn(Ear) -> ProtocolRef),
            (TunnelServer::socks(), &socks),
        ] {
            let (asks, answers) = (Ear::saying(b"\x16client"), Ear::saying(b"\x16server"));
            let pair = Pair::new(client(asks.clone()), server.wrap(answers.clone())).cut(cut);
            pair.run();
            assert_eq!(*asks.heard.borrow(), b"\x16server");
            assert_eq!(*answers.heard.borrow(), b"\x16client");
        }
    }
}
