use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::process::Command;
use std::thread;

use crate::program::{Program, connect, has, read_all};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

/// A web server that answers once.
fn web_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let count = stream.read(&mut request).unwrap();
        assert_ne!(count, 0, "no request");
        let answer = b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        stream.write_all(answer).unwrap();
    });
    address
}

/// What curl gets, or its exit code.
fn curl(proxy: &[&str], host: &str, port: u16) -> Result<String, i32> {
    let mut command = Command::new("curl");
    // Without the proxy that the environment may name.
    command
        .args(["-q", "-sS", "--max-time", "120", "--noproxy", ""])
        .args(proxy);
    let output = command
        .arg(format!("http://{host}:{port}/"))
        .output()
        .unwrap();
    match output.status.code() {
        Some(0) => Ok(String::from_utf8(output.stdout).unwrap()),
        code => Err(code.unwrap_or(-1)),
    }
}

#[test]
fn curl_goes_through() {
    if !has("curl") {
        return;
    }
    let (program, address) = Program::serve("socks", &[LOCAL]);
    let proxy = address.to_string();
    for (option, host) in [
        ("--socks5-hostname", "localhost"),
        ("--socks5-hostname", "127.0.0.1"),
        ("--socks5", "127.0.0.1"),
        ("--socks4a", "localhost"),
        ("--socks4", "127.0.0.1"),
    ] {
        let got = curl(&[option, &proxy], host, web_server().port());
        assert_eq!(got.as_deref(), Ok("hello"), "{option} {host}");
    }
    // 97: curl could not connect by way of the proxy. A label of that length is refused without a
    // question to a name server.
    let nowhere = format!("{}.invalid", "x".repeat(64));
    let got = curl(&["--socks5-hostname", &proxy], &nowhere, 80);
    assert_eq!(got, Err(97));
    program.stop();
}

#[test]
fn curl_has_to_know_the_password() {
    if !has("curl") {
        return;
    }
    let (program, address) =
        Program::serve("socks", &[LOCAL, "--user", "alice", "--password", "secret"]);
    let proxy = address.to_string();
    let user = |user| ["--socks5-hostname", proxy.as_str(), "--proxy-user", user];
    let got = curl(&user("alice:secret"), "localhost", web_server().port());
    assert_eq!(got.as_deref(), Ok("hello"));
    assert_eq!(curl(&user("alice:guess"), "localhost", 1), Err(97));
    assert_eq!(curl(&["--socks4a", &proxy], "localhost", 1), Err(97));
    program.stop();
}

#[test]
fn only_where_it_is_allowed() {
    let target = web_server();
    let by_address: &[u8] = &[1, 127, 0, 0, 1];
    let by_name: &[u8] = b"\x03\x09localhost";
    for (allowed, destination, code) in [
        ("127.0.0.0/8", by_address, 0),
        ("192.0.2.1", by_address, 2),
        // What is allowed are the addresses that a name leads to.
        ("192.0.2.1", by_name, 2),
    ] {
        let (program, address) = Program::serve("socks", &[LOCAL, "--allow", allowed]);
        let mut stream = connect(address);
        let request = [
            &[5, 1, 0, 5, 1, 0],
            destination,
            &target.port().to_be_bytes(),
        ]
        .concat();
        stream.write_all(&request).unwrap();
        let mut reply = [0; 4];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(reply, [5, 0, 5, code], "{allowed}");
        program.stop();
    }
}

#[test]
fn what_comes_behind_the_request_reaches_the_server() {
    let (echo, target) = Program::serve("echo", &[LOCAL]);
    let (program, address) = Program::serve("socks", &[LOCAL]);
    let mut stream = connect(address);
    let port = target.port().to_be_bytes();
    let request = [
        &[4, 1][..],
        &port,
        &[127, 0, 0, 1],
        b"user\0",
        b"early data",
    ]
    .concat();
    stream.write_all(&request).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let reply = read_all(&mut stream);
    assert_eq!(reply[..2], [0, 90]);
    assert_eq!(&reply[8..], b"early data");
    program.stop();
    echo.stop();
}
