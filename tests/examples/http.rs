use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Command;

use crate::program::{Program, connect, has, pattern, read_all, there_and_back};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

/// A response: its status, and its body whether it came whole or in pieces.
type Response = (String, Vec<u8>);

/// What is in `text` up to `end`, and what is behind that.
fn until<'a>(text: &'a [u8], end: &[u8]) -> (&'a str, &'a [u8]) {
    let at = text.windows(end.len()).position(|bytes| bytes == end);
    let at = at.unwrap_or_else(|| panic!("no end in {}", String::from_utf8_lossy(text)));
    let head = std::str::from_utf8(&text[..at]).unwrap();
    (head, &text[at + end.len()..])
}

/// The responses on a connection that has ended. Where the server cuts a body is its own affair.
fn responses(mut text: &[u8]) -> Vec<Response> {
    let mut found = Vec::new();
    while !text.is_empty() {
        let (head, rest) = until(text, b"\r\n\r\n");
        let (status, fields) = head.split_once("\r\n").unwrap();
        let mut body = Vec::new();
        text = match fields
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
        {
            Some(length) => {
                let (whole, rest) = rest.split_at(length.parse().unwrap());
                body.extend_from_slice(whole);
                rest
            }
            None => {
                assert!(fields.contains("transfer-encoding: chunked"), "{head}");
                chunks(rest, &mut body)
            }
        };
        found.push((status.to_owned(), body));
    }
    found
}

/// Puts the pieces of a body together (RFC 9112, section 7.1), and returns what is behind them.
fn chunks<'a>(mut text: &'a [u8], body: &mut Vec<u8>) -> &'a [u8] {
    loop {
        let (length, rest) = until(text, b"\r\n");
        let length = usize::from_str_radix(length, 16).unwrap();
        let (piece, rest) = rest.split_at(length);
        body.extend_from_slice(piece);
        text = rest.strip_prefix(b"\r\n").expect("the end of a piece");
        if length == 0 {
            return text;
        }
    }
}

#[test]
fn requests_on_one_connection_by_hand() {
    let (program, address) = Program::serve("http", &[LOCAL]);
    let mut stream = connect(address);
    // Pipelined, and the second with a body in pieces.
    let requests = "GET / HTTP/1.1\r\nHost: here\r\n\r\n\
                    POST /echo HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n\
                    GET /nothing HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n";
    for byte in requests.as_bytes() {
        stream.write_all(&[*byte]).unwrap();
    }
    let expected = [
        ("HTTP/1.1 200 OK", "It is day, somewhere.\n"),
        ("HTTP/1.1 200 OK", "hello"),
        ("HTTP/1.1 404 Not Found", "There is nothing here.\n"),
    ];
    let expected = expected.map(|(status, body)| (status.to_owned(), body.as_bytes().to_vec()));
    assert_eq!(responses(&read_all(&mut stream)), expected);
    program.stop();
}

#[test]
fn a_large_body_comes_back() {
    let (program, address) = Program::serve("http", &[LOCAL]);
    let mut stream = connect(address);
    let data = pattern(4 * 1024 * 1024);
    let head = format!(
        "POST /echo HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        data.len()
    );
    let answer = there_and_back(&mut stream, &[head.as_bytes(), &data].concat());
    assert!(responses(&answer) == [("HTTP/1.1 200 OK".to_owned(), data)]);
    program.stop();
}

#[test]
fn a_client_that_goes_away_in_the_middle_harms_no_other() {
    let (program, address) = Program::serve("http", &[LOCAL]);
    let mut gone = connect(address);
    gone.write_all(b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nsome")
        .unwrap();
    drop(gone);
    let mut half = connect(address);
    half.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    let mut rest = Vec::new();
    let _ = half.read_to_end(&mut rest);
    let mut stream = connect(address);
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    assert!(String::from_utf8_lossy(&read_all(&mut stream)).contains("200 OK"));
    program.stop();
}

#[test]
fn a_connection_without_a_whole_request_is_not_kept() {
    let (program, address) = Program::serve("http", &[LOCAL, "--patience", "1"]);
    let mut slow = connect(address);
    slow.write_all(b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\nsl")
        .unwrap();
    slow.read_exact(&mut [0]).unwrap();
    let mut used = connect(address);
    used.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\nGET / HT")
        .unwrap();
    let mut unfinished = connect(address);
    unfinished.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
    assert!(read_all(&mut unfinished).is_empty());
    let answer = String::from_utf8_lossy(&read_all(&mut used)).into_owned();
    assert_eq!(answer.matches("200 OK").count(), 1, "{answer}");
    // A request that has begun may take its time.
    let rest = there_and_back(&mut slow, b"ow");
    let rest = String::from_utf8_lossy(&rest);
    assert!(rest.contains("\r\now\r\n"), "{rest}");
    program.stop();
}

#[test]
fn what_is_under_way_is_finished_before_the_end() {
    let (program, address) = Program::serve("http", &[LOCAL]);
    let data = pattern(3_000_000);
    let mut busy = connect(address);
    let head = format!(
        "POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: {}\r\n\r\n",
        data.len()
    );
    busy.write_all(head.as_bytes()).unwrap();
    let mut first = [0];
    busy.read_exact(&mut first).unwrap();
    let mut idle = connect(address);
    idle.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        .unwrap();
    idle.read_exact(&mut [0]).unwrap();

    program.signal("TERM");
    // Nothing is under way here: that it is closed says that the end has begun.
    read_all(&mut idle);
    let answer = there_and_back(&mut busy, &data);
    let answer = [&first[..], &answer].concat();
    assert!(responses(&answer) == [("HTTP/1.1 200 OK".to_owned(), data)]);
    assert_eq!(program.exit_code(), Some(0));
}

/// What curl says, and the version of HTTP that it has used.
fn curl(arguments: &[&str]) -> (Vec<u8>, String) {
    let output = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "120",
            "--write-out",
            "%{stderr}%{http_version}",
        ])
        .args(arguments)
        .output()
        .unwrap();
    let version = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{version}");
    (output.stdout, version)
}

#[test]
fn curl_in_clear_and_under_tls_with_both_versions() {
    if !has("curl") {
        return;
    }
    let (program, address) = Program::serve("http", &[LOCAL]);
    let (text, version) = curl(&["--data", "some text", &format!("http://{address}/echo")]);
    assert_eq!((&*text, &*version), (&b"some text"[..], "1.1"));
    program.stop();

    let authority = std::env::temp_dir().join(format!("retwist-http-{}.pem", std::process::id()));
    let authority = authority.to_str().unwrap();
    let (program, address) = Program::serve("http", &[LOCAL, "--tls", "--ca-out", authority]);
    let page = format!("https://localhost:{}/", address.port());
    for (option, expected) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let (text, version) = curl(&["--cacert", authority, option, &page]);
        assert_eq!(
            (&*text, &*version),
            (&b"It is day, somewhere.\n"[..], expected)
        );
        let body = "x".repeat(300_000);
        let data = format!("@{authority}.data");
        std::fs::write(&data[1..], &body).unwrap();
        let echo = format!("{page}echo");
        let (text, version) = curl(&["--cacert", authority, option, "--data-binary", &data, &echo]);
        assert!(text == body.as_bytes() && version == expected);
        std::fs::remove_file(&data[1..]).unwrap();
    }
    std::fs::remove_file(authority).unwrap();
    program.stop();
}
