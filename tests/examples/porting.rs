//! The porting guide's programs: what was written for Twisted and its port do the same, and talk to
//! each other.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::Files;
use crate::program::{PATIENCE, Program, connect, example, has, read_all};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

/// Twisted's Python, where `tests/interop/install.sh` puts it. In CI it has to be there.
fn twisted() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/twisted/bin/python");
    if python.exists() {
        return Some(python);
    }
    assert!(std::env::var_os("CI").is_none(), "Twisted is not installed");
    eprintln!("Twisted is not installed: only the ports are tested");
    None
}

/// A program of the guide, in each of the languages.
fn both(name: &str, arguments: &[&str]) -> Vec<Command> {
    let original = twisted().map(|python| {
        let mut command = Command::new(python);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/porting");
        command.arg(folder.join(format!("{name}.py")));
        command
    });
    let port = example(&format!("porting_{name}"));
    let programs = original.into_iter().chain([port]);
    programs
        .map(|mut command| {
            command.args(arguments);
            command
        })
        .collect()
}

#[test]
fn starttls() {
    if !has("openssl") {
        return;
    }
    let files = Files::new("porting");
    let (certificate, pem) = (files.path("certificate.pem"), files.path("both.pem"));
    let parts = ["key.pem", "certificate.pem"].map(|name| std::fs::read(files.path(name)).unwrap());
    std::fs::write(&pem, parts.concat()).unwrap();
    for server in both("starttls_server", &[LOCAL, &pem]) {
        let server = Program::run(server);
        let address = server.listening();
        let there = format!("tcp:127.0.0.1:{}", address.port());
        for client in both("starttls_client", &[&there, &certificate]) {
            let client = Program::run(client);
            assert_eq!(client.line(), "received: READY");
            for line in ["plain text", "STARTTLS", "secure text"] {
                assert_eq!(server.line(), format!("received: {line}"));
            }
            assert_eq!(client.exit_code(), Some(0));
        }
    }
}

#[test]
fn a_chat() {
    for server in both("chat", &[LOCAL]) {
        let server = Program::run(server);
        let address = server.listening();
        let [mut ann, mut bob] = ["ann", "bob"].map(|name| {
            let mut stream = connect(address);
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let mut hears = move |expected: &str| {
                assert_eq!(lines.next().unwrap().unwrap(), expected);
            };
            hears("What's your name?");
            writeln!(stream, "{name}").unwrap();
            hears(&format!("Welcome, {name}!"));
            (stream, hears)
        });
        writeln!(ann.0, "hello").unwrap();
        (bob.1)("<ann> hello");
        writeln!(bob.0, "hello yourself").unwrap();
        (ann.1)("<bob> hello yourself");
    }
}

#[test]
fn a_greeter() {
    for name in ["127.0.0.1", "localhost"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for greeter in both("greeter", &[&format!("tcp:{name}:{port}")]) {
            let greeter = Program::run(greeter);
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let said = String::from_utf8(read_all(&mut stream)).unwrap();
            assert_eq!(said, "MESSAGE Hello\nMESSAGE This is sent a little later\n");
            drop(stream);
            assert_eq!(greeter.exit_code(), Some(0));
        }
    }
}
