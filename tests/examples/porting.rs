//! The porting guide's programs: what was written for Twisted and its port do the same, and talk to
//! each other.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
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
fn a_locker_and_its_visitor() {
    if !has("openssl") {
        return;
    }
    let files = Files::new("porting");
    let (certificate, pem) = (files.path("certificate.pem"), files.path("both.pem"));
    let parts = ["key.pem", "certificate.pem"].map(|name| std::fs::read(files.path(name)).unwrap());
    std::fs::write(&pem, parts.concat()).unwrap();
    let foreign = Files::new("porting-foreign");
    for locker in both("locker", &[LOCAL, &pem]) {
        let locker = Program::run(locker);
        let there = format!("tcp:127.0.0.1:{}", locker.listening().port());
        for visitor in both("visitor", &[&there, &certificate, "a silver spoon"]) {
            let visitor = Program::run(visitor);
            for line in ["not in clear", "go ahead", "kept", "a silver spoon"] {
                assert_eq!(visitor.line(), format!("the locker says: {line}"));
            }
            assert_eq!(visitor.exit_code(), Some(0));
        }
        // A locker whose certificate is not trusted gets no secret.
        let other = foreign.path("certificate.pem");
        for visitor in both("visitor", &[&there, &other, "a silver spoon"]) {
            let visitor = Program::run(visitor);
            assert_eq!(
                visitor.rest(),
                ["not in clear", "go ahead"].map(|line| format!("the locker says: {line}"))
            );
            assert_eq!(visitor.exit_code(), Some(1));
        }
    }
}

/// Says lines to a server, and hears lines from it.
struct Talk {
    stream: TcpStream,
    lines: Lines<BufReader<TcpStream>>,
}

impl Talk {
    fn with(address: SocketAddr) -> Talk {
        let stream = connect(address);
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        Talk { stream, lines }
    }

    /// All lines in one write.
    fn says(&mut self, lines: &[&str]) {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        self.stream.write_all(lines.as_bytes()).unwrap();
    }

    #[track_caller]
    fn hears(&mut self, expected: &str) {
        assert_eq!(self.lines.next().unwrap().unwrap(), expected);
    }
}

#[test]
fn an_auction() {
    for auction in both("auction", &[LOCAL]) {
        let auction = Program::run(auction);
        let address = auction.listening();
        let mut ann = Talk::with(address);
        ann.hears("a lamp, at 0");
        ann.says(&["twenty", "20"]);
        ann.hears("more than 0, please");
        ann.hears("yours");
        let mut bob = Talk::with(address);
        bob.hears("a lamp, at 20");
        bob.says(&["20", "21"]);
        bob.hears("more than 20, please");
        bob.hears("yours");
        ann.hears("21 is bid");
        // Bids of bidders who have left stand, and nothing is sent to them.
        drop(bob);
        ann.says(&["21", "22"]);
        ann.hears("more than 21, please");
        ann.hears("yours");
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
