use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::process::{Command, Stdio};

use crate::ports::Reserved;
use crate::program::{Program, connect, connect_soon, has, read_all};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

/// The signature of version 2, then version, command, family and length.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

#[test]
fn echo_says_what_the_header_says() {
    let four = [
        V2,
        b"\x21\x11\x00\x0c",
        &[192, 0, 2, 1, 198, 51, 100, 9],
        b"\x04\xd2\x01\xbb",
    ];
    let table: [(&[u8], &str); 6] = [
        (
            b"PROXY TCP4 192.0.2.1 198.51.100.9 1234 443\r\n",
            "SRC 192.0.2.1 1234 DST 198.51.100.9 443\n",
        ),
        (
            b"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n",
            "SRC 2001:db8::1 1 DST ::1 65535\n",
        ),
        (b"PROXY UNKNOWN\r\n", "UNKNOWN\n"),
        (&four.concat(), "SRC 192.0.2.1 1234 DST 198.51.100.9 443\n"),
        (&[V2, b"\x20\x00\x00\x00"].concat(), "LOCAL\n"),
        (&[V2, b"\x21\x00\x00\x00"].concat(), "UNKNOWN\n"),
    ];
    let (program, address) = Program::serve("echo", &[LOCAL, "--proxy-protocol"]);
    for (header, says) in table {
        let mut stream = connect(address);
        stream.write_all(&[header, b"and data"].concat()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let expected = format!("{says}and data");
        assert_eq!(String::from_utf8(read_all(&mut stream)).unwrap(), expected);
    }
    program.stop();
}

#[test]
fn no_header_no_connection() {
    let (program, address) = Program::serve("echo", &[LOCAL, "--proxy-protocol"]);
    let header = "PROXY TCP4 192.0.2.1 198.51.100.9 1234 443\r\n";
    let (other, elsewhere) = Program::serve(
        "echo",
        &[LOCAL, "--proxy-protocol", "--trust", "192.0.2.0/24"],
    );
    for (address, sent) in [(address, "hello\r\n"), (elsewhere, header)] {
        let mut stream = connect(address);
        let mut back = Vec::new();
        // It may be closed or reset, even before the header is sent. No byte comes before that.
        let _ = stream.write_all(sent.as_bytes());
        let _ = stream.read_to_end(&mut back);
        assert_eq!(back, b"");
    }
    let (anyone, address) = Program::serve("echo", &[LOCAL, "--proxy-protocol", "--trust", "any"]);
    let mut stream = connect(address);
    stream.write_all(header.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(read_all(&mut stream).starts_with(b"SRC 192.0.2.1 "));
    for program in [program, other, anyone] {
        program.stop();
    }
}

#[test]
fn forward_sends_what_echo_demands() {
    for version in ["send", "send-v2"] {
        let (echo, target) = Program::serve("echo", &[LOCAL, "--proxy-protocol"]);
        let target = format!("tcp:127.0.0.1:{}", target.port());
        let (second, middle) = Program::serve(
            "forward",
            &[
                LOCAL,
                &target,
                "--proxy-protocol",
                "receive",
                "--proxy-protocol",
                version,
            ],
        );
        let middle = format!("tcp:127.0.0.1:{}", middle.port());
        let (first, address) =
            Program::serve("forward", &[LOCAL, &middle, "--proxy-protocol", version]);
        let mut stream = connect(address);
        let here = stream.local_addr().unwrap().port();
        stream.write_all(b"data").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let expected = format!(
            "SRC 127.0.0.1 {here} DST 127.0.0.1 {}\ndata",
            address.port()
        );
        assert_eq!(String::from_utf8(read_all(&mut stream)).unwrap(), expected);
        for program in [first, second, echo] {
            program.stop();
        }
    }
}

#[test]
fn forward_connects_nowhere_without_the_header_it_demands() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    target.set_nonblocking(true).unwrap();
    let to = format!("tcp:127.0.0.1:{}", target.local_addr().unwrap().port());
    let (program, address) =
        Program::serve("forward", &[LOCAL, &to, "--proxy-protocol", "receive"]);
    let mut stream = connect(address);
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert!(target.accept().is_err(), "it has connected");
    program.stop();
}

#[test]
fn haproxy_in_front_of_echo() {
    if !has("haproxy") {
        return;
    }
    for option in [
        "send-proxy",
        "send-proxy-v2",
        "send-proxy-v2-ssl-cn proxy-v2-options crc32c,unique-id",
    ] {
        let (echo, target) = Program::serve("echo", &[LOCAL, "--proxy-protocol"]);
        let reserved = Reserved::new();
        let port = reserved.address().port();
        let config = format!(
            "defaults\n mode tcp\n timeout connect 120s\n timeout client 120s\n timeout server 120s\n\
             listen echo\n bind 127.0.0.1:{port}\n unique-id-format %pid\n server echo {target} {option} check\n"
        );
        let path = std::env::temp_dir().join(format!("retwist-haproxy-{port}.cfg"));
        std::fs::write(&path, config).unwrap();
        let mut command = Command::new("haproxy");
        command
            .args(["-db", "-q", "-f"])
            .arg(&path)
            .stdin(Stdio::null());
        let mut haproxy = command.spawn().unwrap();
        let mut stream = connect_soon(reserved.address());
        let here = stream.local_addr().unwrap().port();
        stream.write_all(b"data").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let back = String::from_utf8(read_all(&mut stream)).unwrap();
        haproxy.kill().unwrap();
        haproxy.wait().unwrap();
        let _ = std::fs::remove_file(path);
        assert_eq!(
            back,
            format!("SRC 127.0.0.1 {here} DST 127.0.0.1 {port}\ndata"),
            "{option}"
        );
        echo.stop();
    }
}
