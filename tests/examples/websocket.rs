use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::process::Command;

use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::{self, Bytes, Message, WebSocket};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::program::{Program, connect, has, read_all};
use crate::steady::Steady;

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

/// A guest. It uses the same library as the server.
struct Guest(WebSocket<Steady>);

impl Guest {
    fn come(address: SocketAddr) -> Guest {
        let url = format!("ws://{address}/chat");
        let (socket, _) = tungstenite::client(url, Steady(connect(address))).unwrap();
        Guest(socket)
    }

    fn enter(address: SocketAddr, name: &str) -> Guest {
        let mut guest = Guest::come(address);
        guest.say(name);
        let here = guest.hear();
        assert_eq!(here["kind"], "here", "{here}");
        assert!(here["names"].as_array().unwrap().contains(&json!(name)));
        assert_eq!(guest.hear(), json!({ "kind": "came", "who": name }));
        guest
    }

    fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).unwrap();
    }

    fn hear(&mut self) -> Value {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) => {}
                other => panic!("{other}"),
            }
        }
    }

    /// How the server ends it.
    fn end(mut self) -> Option<CloseCode> {
        let mut code = None;
        loop {
            match self.0.read() {
                Ok(Message::Close(frame)) => code = frame.map(|frame| frame.code),
                Ok(_) => {}
                Err(tungstenite::Error::ConnectionClosed) => return code,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn said(who: &str, text: &str) -> Value {
    json!({ "kind": "said", "who": who, "text": text })
}

#[test]
fn everyone_hears_what_everyone_says() {
    let (program, address) = Program::serve("websocket", &[LOCAL]);
    let mut ann = Guest::enter(address, "ann");
    let mut bob = Guest::enter(address, "bob");
    assert_eq!(ann.hear(), json!({ "kind": "came", "who": "bob" }));
    ann.say("hello");
    bob.say("<b>hi</b> \u{1f600}");
    for guest in [&mut ann, &mut bob] {
        let heard = [guest.hear(), guest.hear()];
        assert!(heard.contains(&said("ann", "hello")), "{heard:?}");
        assert!(
            heard.contains(&said("bob", "<b>hi</b> \u{1f600}")),
            "{heard:?}"
        );
    }
    // Not even a goodbye.
    drop(bob);
    assert_eq!(ann.hear(), json!({ "kind": "left", "who": "bob" }));
    let mut names = Guest::come(address);
    for name in ["", " ", "ann", "123456789012345678901", "a\tb"] {
        names.say(name);
        assert_eq!(names.hear()["kind"], "refused", "{name:?}");
    }
    names.say("bob");
    assert_eq!(names.hear()["kind"], "here");
    names.0.close(None).unwrap();
    assert_eq!(names.end(), None);
    drop(ann);
    program.stop();
}

#[test]
fn a_guest_that_breaks_a_rule_is_told_which() {
    let (program, address) = Program::serve("websocket", &[LOCAL]);
    let mut large = Guest::enter(address, "large");
    large.say(&"x".repeat(16 * 1024 + 1));
    assert_eq!(large.end(), Some(CloseCode::Size));
    let mut binary = Guest::enter(address, "binary");
    binary.0.send(Message::binary(vec![0, 1])).unwrap();
    assert_eq!(binary.end(), Some(CloseCode::Unsupported));
    let mut pings = Guest::enter(address, "pings");
    pings
        .0
        .send(Message::Ping(Bytes::from_static(b"there?")))
        .unwrap();
    assert_eq!(
        pings.0.read().unwrap(),
        Message::Pong(Bytes::from_static(b"there?"))
    );
    drop(pings);
    program.stop();
}

#[test]
fn the_end_of_the_program_is_told_to_all() {
    let (program, address) = Program::serve("websocket", &[LOCAL]);
    let guests = ["ann", "bob"].map(|name| Guest::enter(address, name));
    // This one has never given a name: it sees the end of the connection, and no word before it.
    let mut stranger = connect(address);
    program.signal("TERM");
    for guest in guests {
        assert_eq!(guest.end(), Some(CloseCode::Away));
    }
    assert_eq!(read_all(&mut stranger), b"");
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
fn a_guest_that_does_not_read_is_thrown_out() {
    let (program, address) = Program::serve("websocket", &[LOCAL]);
    let deaf = Guest::enter(address, "deaf");
    let mut loud = Guest::enter(address, "loud");
    let text = "x".repeat(16_000);
    loop {
        loud.say(&text);
        let heard = loud.hear();
        if heard == json!({ "kind": "left", "who": "deaf" }) {
            break;
        }
        assert_eq!(heard, said("loud", &text));
    }
    // A thousand messages for each of the two, and what is on its way.
    assert!(program.peak_memory() < 100 * 1024 * 1024);
    drop((deaf, loud));
    program.stop();
}

/// A request, and the status of the answer to it.
fn status(address: SocketAddr, request: &str) -> String {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let answer = String::from_utf8(read_all(&mut stream)).unwrap();
    let status = answer.strip_prefix("HTTP/1.1 ").unwrap_or(&answer);
    status.chars().take(3).collect()
}

#[test]
fn requests_by_hand() {
    let (program, address) = Program::serve("websocket", &[LOCAL]);
    let get = |path: &str, fields: &str| {
        status(
            address,
            &format!("GET {path} HTTP/1.1\r\nHost: here\r\n{fields}\r\n"),
        )
    };
    assert_eq!(get("/", ""), "200");
    assert_eq!(get("/chat.js?version=2", ""), "200");
    assert_eq!(get("/chat.css", ""), "200");
    assert_eq!(get("/etc/passwd", ""), "404");
    assert_eq!(get("/chat", ""), "426");
    let upgrade = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n";
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let version = "Sec-WebSocket-Version: 13\r\n";
    assert_eq!(get("/chat", &format!("{upgrade}{version}")), "400");
    assert_eq!(
        get(
            "/chat",
            &format!("{upgrade}{key}Sec-WebSocket-Version: 8\r\n")
        ),
        "400"
    );
    let foreign = "Origin: http://elsewhere\r\n";
    assert_eq!(
        get("/chat", &format!("{upgrade}{key}{version}{foreign}")),
        "403"
    );
    let own = "Origin: http://here\r\n";
    assert_eq!(
        get("/chat", &format!("{upgrade}{key}{version}{own}")),
        "101"
    );
    assert_eq!(
        get("/", &format!("X: {}\r\n", "x".repeat(9000)).repeat(2)),
        "431"
    );
    assert_eq!(
        status(address, "POST / HTTP/1.1\r\nHost: here\r\n\r\n"),
        "405"
    );
    assert_eq!(status(address, "GET / HTTP/9\r\n\r\n"), "400");
    assert_eq!(status(address, "GET / HTTP/1.1\r\nHost"), "");
    program.stop();
}

/// A frame as a client sends it (RFC 6455, section 5.2), masked with zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length < 126);
    [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

#[test]
fn frames_in_pieces_and_in_fragments() {
    let request = "GET /chat HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let (program, address) = Program::serve("websocket", &[LOCAL]);
    let (text, more, last, close) = (0x01, 0x00, 0x80, 0x88);
    let name = [frame(text, b"a"), frame(more, b"n"), frame(last, b"n")].concat();
    let invalid = frame(text | last, b"\xff");
    let reserved = frame(0x83, b"");
    for (ending, code) in [
        (invalid, 1007u16),
        (reserved, 1002),
        (frame(close, &[3, 0xe8]), 1000),
    ] {
        // Behind the request, in the same breath.
        let all = [request.as_bytes(), &name, &ending].concat();
        for cut in [1, 2, 3, 7, 64, 1000] {
            let mut stream = connect(address);
            for piece in all.chunks(cut) {
                stream.write_all(piece).unwrap();
            }
            let answer = read_all(&mut stream);
            let end = answer
                .windows(4)
                .position(|bytes| bytes == b"\r\n\r\n")
                .unwrap();
            let head = std::str::from_utf8(&answer[..end]).unwrap();
            // Section 1.3 has this key and this answer.
            assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
            assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
            let frames = String::from_utf8_lossy(&answer[end..]);
            assert!(frames.contains(r#""names":["ann"]"#), "{frames}");
            let goodbye = [&[0x88, 2][..], &code.to_be_bytes()].concat();
            assert!(answer.ends_with(&goodbye), "{code} cut at {cut}: {frames}");
        }
    }
    program.stop();
}

#[test]
fn in_a_browser() {
    if !has("chromium") {
        return;
    }
    let (program, address) = Program::serve("websocket", &[LOCAL]);
    let mut browser = Browser::start();
    let [mut ann, mut bob] = ["ann", "bob"].map(|name| {
        let mut page = browser.open(&format!("http://{address}/"));
        browser.wait_for_text(&mut page, "#notice", "who are you?");
        browser.submit(&mut page, "enter", "name", name);
        browser.wait_for_text(&mut page, "#notice", "connected");
        page
    });
    browser.wait_for_text(&mut ann, "#said", "bob has come");
    browser.wait_for_text(&mut bob, "#here", "ann");
    browser.submit(&mut ann, "say", "text", "hello, <i>bob</i>");
    browser.submit(&mut bob, "say", "text", "hello, ann");
    for page in [&mut ann, &mut bob] {
        browser.wait_for_text(page, "#said", "hello, <i>bob</i>");
        browser.wait_for_text(page, "#said", "hello, ann");
        // What others write is text.
        assert_eq!(
            browser.evaluate(page, "document.querySelectorAll('#said i').length"),
            0
        );
    }
    browser.close(bob);
    browser.wait_for_text(&mut ann, "#said", "bob has left");
    program.signal("TERM");
    browser.wait_for_text(&mut ann, "#notice", "disconnected: the server stops");
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
fn under_tls() {
    if !has("curl") || !has("openssl") {
        return;
    }
    let files = crate::files::Files::new("websocket");
    let (key, certificate) = (files.path("key.pem"), files.path("certificate.pem"));
    let endpoint = format!("tls:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}");
    let (program, address) = Program::serve("websocket", &[&endpoint]);
    let url = format!("https://localhost:{}/", address.port());
    let output = Command::new("curl")
        .args(["-sS", "--max-time", "120", "--cacert", &certificate, &url])
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("<h1>Chat</h1>"),
        "{output:?}"
    );
    // In clear, to a door that only opens under TLS.
    let mut stream = connect(address);
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"));
    program.stop();
}
