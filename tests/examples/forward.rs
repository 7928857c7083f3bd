use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use crate::ports::Refusing;
use crate::program::{
    PATIENCE, Program, breaks_off, connect, fill, is_reset, pattern, read_all, there_and_back,
    wait_for_input,
};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

/// A proxy to `target`.
fn forward(target: SocketAddr) -> (Program, SocketAddr) {
    Program::serve(
        "forward",
        &[LOCAL, &format!("tcp:{}:{}", target.ip(), target.port())],
    )
}

/// A proxy, and a connection through it with both of its ends here.
fn joined() -> (Program, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (program, address) = forward(listener.local_addr().unwrap());
    let client = connect(address);
    let (server, _) = listener.accept().unwrap();
    server.set_read_timeout(Some(PATIENCE)).unwrap();
    (program, client, server)
}

#[test]
fn to_the_echo_and_back() {
    let (echo, target) = Program::serve("echo", &[LOCAL]);
    let (program, address) = forward(target);
    let mut stream = connect(address);
    let data = pattern(3 * 1024 * 1024);
    assert!(there_and_back(&mut stream, &data) == data);
    program.stop();
    echo.stop();
}

#[test]
fn the_end_of_input_is_passed_on_alone() {
    for client_first in [true, false] {
        let (program, client, server) = joined();
        let (mut first, mut second) = if client_first {
            (client, server)
        } else {
            (server, client)
        };
        first.write_all(b"question").unwrap();
        first.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut second), b"question");
        second.write_all(b"answer").unwrap();
        second.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut first), b"answer");
        program.stop();
    }
}

#[test]
fn neither_side_is_read_faster_than_the_other_takes() {
    for client_first in [true, false] {
        let (program, client, server) = joined();
        let (mut from, mut to) = if client_first {
            (client, server)
        } else {
            (server, client)
        };
        let data = pattern(64 * 1024 * 1024);
        let sent = fill(&mut from, &data);
        assert!(sent < data.len(), "it is read without end");
        assert!(program.peak_memory() < 16 * 1024 * 1024);
        from.shutdown(Shutdown::Write).unwrap();
        assert!(read_all(&mut to) == data[..sent]);
    }
}

#[test]
fn a_client_is_let_go_if_the_server_refuses() {
    let refusing = Refusing::new();
    let (program, address) = forward(refusing.address());
    assert!(breaks_off(address), "no answer is not an empty answer");
    program.stop();
}

#[test]
fn a_connection_that_breaks_is_passed_on_as_broken() {
    for client_first in [true, false] {
        let (program, client, server) = joined();
        let (mut first, mut second) = if client_first {
            (client, server)
        } else {
            (server, client)
        };
        first.write_all(b"the first half").unwrap();
        let mut received = [0; 14];
        second.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"the first half");
        // Closed with bytes that were not read, it is reset.
        second.write_all(b"unread").unwrap();
        wait_for_input(&first);
        drop(first);
        assert!(is_reset(&mut second));
        program.stop();
    }
}

#[test]
fn it_ends_though_neither_side_closes() {
    let (program, mut client, mut server) = joined();
    client.write_all(b"hello").unwrap();
    let mut hello = [0; 5];
    server.read_exact(&mut hello).unwrap();
    program.signal("TERM");
    assert!(is_reset(&mut client), "it does not look complete");
    assert!(is_reset(&mut server), "it does not look complete");
    assert_eq!(program.exit_code(), Some(0));
}
