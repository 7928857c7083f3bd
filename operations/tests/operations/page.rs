use std::time::Duration;

use retwist_operations::Page;
use serde_json::Value;

use crate::world::{Client, World};

fn world() -> World {
    World::new(|reactor| Page::new(reactor.clone()).factory())
}

const UPGRADE: &str = "GET /live HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/// The texts in frames of a server (RFC 6455, section 5.2).
fn texts(mut bytes: &[u8]) -> Vec<Value> {
    let mut found = Vec::new();
    while let [0x81, length, rest @ ..] = bytes {
        let (length, rest) = match (length, rest) {
            (127, rest) => {
                let (length, rest) = rest.split_at(8);
                (
                    u64::from_be_bytes(length.try_into().unwrap()) as usize,
                    rest,
                )
            }
            (126, rest) => {
                let (length, rest) = rest.split_at(2);
                (u16::from_be_bytes(length.try_into().unwrap()).into(), rest)
            }
            (length, rest) => (usize::from(*length), rest),
        };
        found.push(serde_json::from_slice(&rest[..length]).unwrap());
        bytes = &rest[length..];
    }
    assert!(bytes.is_empty(), "{bytes:?}");
    found
}

/// Opens the WebSocket, and returns what it was fed at once.
fn look(world: &World) -> (Client, Vec<Value>) {
    let client = world.connect();
    client
        .pair
        .client()
        .write(format!("{UPGRADE}\r\n").as_bytes());
    client.pair.run();
    let all = std::mem::take(&mut client.heard.borrow_mut().bytes);
    let end = all
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap()
        + 4;
    let head = std::str::from_utf8(&all[..end]).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    // Section 1.3 has this key and this answer.
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    (client, texts(&all[end..]))
}

#[test]
fn a_page_is_fed_once_a_second_with_what_the_reactor_does() {
    let world = world();
    let echo = world.echo();
    echo.client().write(b"hello");
    echo.run();
    let id = echo.server().connection_id().unwrap().number();
    let (client, first) = look(&world);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0]["stats"]["connections"], 2);
    let list = first[0]["connections"].as_array().unwrap();
    assert!(
        list.iter()
            .any(|one| one["id"] == id && one["received"] == 5),
        "{list:?}"
    );
    client.pair.advance(Duration::from_secs(3));
    let more = texts(&std::mem::take(&mut client.heard.borrow_mut().bytes));
    assert_eq!(more.len(), 3);
}

#[test]
fn two_hundred_pages_see_the_same_sample() {
    let world = world();
    let pages: Vec<_> = (0..200).map(|_| look(&world)).collect();
    let (_, first) = &pages[0];
    for (client, sample) in &pages {
        assert_eq!(sample, first);
        assert!(!client.has_ended());
    }
    world.reactor.clock().advance(Duration::from_secs(2));
    for (client, _) in &pages {
        let texts = texts(&std::mem::take(&mut client.heard.borrow_mut().bytes));
        assert_eq!(texts.len(), 2);
    }
}

#[test]
fn a_page_that_takes_nothing_ends_and_holds_little() {
    let world = world();
    let (client, _) = look(&world);
    client.pair.client().pause_producing();
    client.pair.advance(Duration::from_secs(3600));
    let held = client.pair.server().buffered();
    assert!(held < 256 * 1024, "{held}");
    assert_eq!(world.reactor.stats().connections.total(), 0, "it has ended");
}

#[test]
fn a_page_that_talks_ends() {
    for frame in [
        &[0x81, 0x81, 0, 0, 0, 0, b'x'][..],
        &[0x88, 0x80, 0, 0, 0, 0],
        &[0xff; 20],
    ] {
        let world = world();
        let (client, _) = look(&world);
        client.pair.client().write(frame);
        client.pair.advance(Duration::from_secs(10));
        assert!(client.has_ended(), "{frame:?}");
    }
    let world = world();
    let (client, _) = look(&world);
    client
        .pair
        .client()
        .write(&[0x89, 0x80, 0, 0, 0, 0].repeat(1000));
    client.pair.advance(Duration::from_secs(1));
    assert!(!client.has_ended(), "pings are answered");
}

#[test]
fn requests_by_hand() {
    let world = world();
    let status = |request: String| world.connect().ask(request)[9..12].to_owned();
    for path in ["/", "/page.css", "/page.js?x"] {
        assert_eq!(
            status(format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n")),
            "200"
        );
    }
    assert_eq!(
        status("GET /etc/passwd HTTP/1.1\r\nHost: here\r\n\r\n".into()),
        "404"
    );
    assert_eq!(
        status("GET /live HTTP/1.1\r\nHost: here\r\n\r\n".into()),
        "426"
    );
    assert_eq!(
        status(format!("{UPGRADE}Origin: http://elsewhere\r\n\r\n")),
        "403"
    );
    let old = UPGRADE.replace("Version: 13", "Version: 8");
    assert_eq!(status(format!("{old}\r\n")), "400");
    let keyless = UPGRADE.replace("dGhlIHNhbXBsZSBub25jZQ==", "");
    assert_eq!(status(format!("{keyless}\r\n")), "400");
}
