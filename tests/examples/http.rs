use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Command;

use crate::program::{Program, connect, has, pattern, read_all};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

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
    let answer = String::from_utf8(read_all(&mut stream)).unwrap();
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    assert!(
        answer.contains("hello") && answer.contains("HTTP/1.1 404"),
        "{answer}"
    );
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
    let writer = {
        let (mut stream, data) = (stream.try_clone().unwrap(), data.clone());
        std::thread::spawn(move || {
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&data).unwrap();
        })
    };
    let answer = read_all(&mut stream);
    writer.join().unwrap();
    let body = answer
        .windows(4)
        .position(|end| end == b"\r\n\r\n")
        .unwrap()
        + 4;
    let chunked = String::from_utf8_lossy(&answer[..body]).contains("chunked");
    assert!(chunked || answer[body..] == data);
    assert!(answer.len() >= data.len());
    program.stop();
}

#[test]
fn one_that_goes_away_in_the_middle_harms_nobody() {
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

/// What curl says, and the version of HTTP that it has used.
fn curl(arguments: &[&str]) -> (Vec<u8>, String) {
    let output = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--max-time",
            "20",
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
