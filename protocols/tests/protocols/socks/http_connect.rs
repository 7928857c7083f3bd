//! HTTP CONNECT: what is said, what is refused.

use retwist_protocols::{Destination, HttpConnect, HttpConnectError, OpeningError, Policy};
use retwist_reactor::ProtocolRef;

use super::client::answered;
use crate::common::{CUTS, Ear};

pub(crate) fn http(client: Ear) -> ProtocolRef {
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
        "HTTP/1.0 200\n\nwelcome",
        "HTTP/1.1 200 OK\nVia: x\r\n\nwelcome",
        "HTTP/1.1 200 OK\r\nVia: x\n\r\nwelcome",
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
        ("HTTP/1.1 403 No\nX: y\n\n", HttpConnectError::Refused(403)),
        ("HTTP/1.1 2000\r\n and no end", HttpConnectError::NotHttp),
    ] {
        for cut in CUTS {
            let (client, _recording) = answered(&http, answer.as_bytes(), cut);
            let lost = client.lost.borrow();
            let reason = lost.as_ref().and_then(|lost| lost.downcast_ref());
            assert_eq!(reason, Some(&error), "{answer}");
            assert!(!client.is_made());
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
