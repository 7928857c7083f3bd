//! The porting guide's programs: what was written for Twisted and its port do the same, and talk to
//! each other.

use std::io::{BufRead, BufReader, Lines, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::Files;
use crate::program::{PATIENCE, Program, connect, example, has};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

/// Twisted's Python, where `tests/interop/install.sh` puts it. In CI it has to be there.
fn twisted() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/twisted/bin/python");
    if python.exists() {
        return Some(python);
    }
    assert!(std::env::var_os("CI").is_none(), "Twisted is not installed");
    eprintln!("Twisted is not installed: only the ports are tested");
    None
}

/// A program of the guide, in each of the languages.
pub(crate) fn both(name: &str, arguments: &[&str]) -> Vec<Command> {
    let original = twisted().map(|python| {
        let mut command = Command::new(python);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/porting");
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
fn primes() {
    for primes in both("primes", &[LOCAL]) {
        let primes = Program::run(primes);
        let address = primes.listening();
        let mut ann = Talk::with(address);
        // Ten thousand are counted in ten steps, and two shorter counts end meanwhile.
        ann.says(&["10000", "many", "10", "0", "2000"]);
        ann.hears("a number, please");
        ann.hears("4 up to 10");
        ann.hears("0 up to 0");
        ann.hears("303 up to 2000");
        ann.hears("1229 up to 10000");
        // Another connection is served while a count goes on that would take hours, and the count
        // ends with its connection.
        let mut bob = Talk::with(address);
        bob.says(&["999999999999"]);
        ann.says(&["100"]);
        ann.hears("25 up to 100");
        drop(bob);
        ann.says(&["1000"]);
        ann.hears("168 up to 1000");
    }
}

#[test]
fn a_gate() {
    for gate in both("gate", &[LOCAL]) {
        let gate = Program::run(gate);
        let address = gate.listening();
        // The first check of a card takes a while, and what is pipelined behind it is read
        // meanwhile.
        let mut ann = Talk::with(address);
        ann.says(&["WHO", "CARD ann", "NUMBER 1234", "WHO"]);
        for line in ["outside", "number?", "outside", "welcome, ann"] {
            ann.hears(line);
        }
        ann.says(&["WHO"]);
        ann.hears("ann");
        // The next one fires at once: before the line behind it.
        let mut again = Talk::with(address);
        again.says(&["CARD ann", "NUMBER 1234", "WHO"]);
        for line in ["number?", "welcome, ann", "ann"] {
            again.hears(line);
        }
        let mut thief = Talk::with(address);
        thief.says(&["CARD bob", "NUMBER 1234"]);
        thief.hears("number?");
        thief.hears("no entry");
        assert!(thief.lines.next().is_none());
        // A visitor who leaves before the check fires harms no other.
        let mut gone = Talk::with(address);
        gone.says(&["CARD carl", "NUMBER 1"]);
        gone.hears("number?");
        drop(gone);
        ann.says(&["CARD bob", "NUMBER 9999", "WHO"]);
        for line in ["number?", "welcome, bob", "bob"] {
            ann.hears(line);
        }
    }
}

/// A library that knows one title, and closes when it is asked for another that it has lost.
fn library(listener: &TcpListener) {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answers = stream.try_clone().unwrap();
    for line in BufReader::new(stream).lines() {
        let answer = match &*line.unwrap() {
            "FIND Emma" => "shelf 12, left\r\n",
            "FIND Lost" => return,
            _ => "\r\n",
        };
        answers.write_all(answer.as_bytes()).unwrap();
    }
}

#[test]
fn a_catalogue() {
    for name in ["127.0.0.1", "localhost"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = format!("tcp:{name}:{}", listener.local_addr().unwrap().port());
        for catalogue in both("catalogue", &[&there, "Emma", "Ulysses", "Emma"]) {
            let catalogue = Program::run(catalogue);
            library(&listener);
            let said = catalogue.rest();
            let found = "Emma: shelf 12, left";
            assert_eq!(said, [found, "Ulysses: not here", found]);
            assert_eq!(catalogue.exit_code(), Some(0));
        }
        for catalogue in both("catalogue", &[&there, "Emma", "Lost", "Emma"]) {
            let catalogue = Program::run(catalogue);
            library(&listener);
            let said = catalogue.rest();
            let found = "Emma: shelf 12, left";
            assert_eq!(said, [found, "Lost: no answer", "Emma: no answer"]);
            assert_eq!(catalogue.exit_code(), Some(0));
        }
    }
}
