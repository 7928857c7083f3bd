use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use crate::program::{Program, connect};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

struct Guest {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Guest {
    /// Connects and gives a name, which is accepted.
    fn enter(address: SocketAddr, name: &str) -> Guest {
        let stream = connect(address);
        let lines = BufReader::new(stream.try_clone().unwrap());
        let mut guest = Guest { stream, lines };
        assert_eq!(guest.hears(), "What is your name?");
        guest.says(name);
        assert_eq!(guest.hears(), format!("* {name} has come"));
        guest
    }

    fn says(&mut self, line: &str) {
        self.stream
            .write_all(format!("{line}\r\n").as_bytes())
            .unwrap();
    }

    fn hears(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.strip_suffix("\r\n").expect("a whole line").to_owned()
    }
}

#[test]
fn everyone_sees_what_everyone_writes() {
    let (program, address) = Program::serve("chat", &[LOCAL]);
    let mut alice = Guest::enter(address, "alice");
    let mut bob = Guest::enter(address, "bob");
    assert_eq!(alice.hears(), "* bob has come");
    alice.says("hello");
    bob.says("h\u{7}i");
    for guest in [&mut alice, &mut bob] {
        assert_eq!(guest.hears(), "<alice> hello");
        assert_eq!(guest.hears(), "<bob> h i");
    }
    drop(bob);
    assert_eq!(alice.hears(), "* bob has left");
    program.stop();
}

#[test]
fn names_are_checked() {
    let (program, address) = Program::serve("chat", &[LOCAL]);
    let _alice = Guest::enter(address, "alice");
    let stream = connect(address);
    let lines = BufReader::new(stream.try_clone().unwrap());
    let mut guest = Guest { stream, lines };
    assert_eq!(guest.hears(), "What is your name?");
    for (name, answer) in [
        ("", "A name has 1 to 16"),
        ("two words", "A name has 1 to 16"),
        ("abcdefghijklmnopq", "A name has 1 to 16"),
        ("alice", "That name is taken"),
    ] {
        guest.says(name);
        let heard = guest.hears();
        assert!(heard.starts_with(answer), "{heard}");
    }
    guest.says("bob");
    assert_eq!(guest.hears(), "* bob has come");
    program.stop();
}

#[test]
fn a_slow_reader_does_not_slow_down_the_others() {
    const LINES: usize = 24 * 1024;
    let (program, address) = Program::serve("chat", &[LOCAL]);
    let mut slow = Guest::enter(address, "slow");
    let mut writer = Guest::enter(address, "writer");
    let text = "x".repeat(1015);
    let speech = format!("{text}\r\n");
    let mut out = writer.stream.try_clone().unwrap();
    let speaking = thread::spawn(move || {
        for _ in 0..LINES {
            out.write_all(speech.as_bytes()).unwrap();
        }
    });
    let (mut heard, mut thrown_out) = (0, false);
    while heard < LINES || !thrown_out {
        let line = writer.hears();
        thrown_out |= line == "* slow has left";
        heard += usize::from(line.starts_with("<writer> ") && line.ends_with(&text));
    }
    speaking.join().unwrap();
    assert!(program.peak_memory() < 16 * 1024 * 1024);
    // What had been sent before is there, and then it breaks off.
    let broken = slow.stream.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::ConnectionReset);
    program.stop();
}

#[test]
fn guests_who_write_and_never_read_share_one_bound() {
    const GUESTS: usize = 150;
    let (program, address) = Program::serve("chat", &[LOCAL]);
    let speech = format!("{}\r\n", "x".repeat(4000)).repeat(64);
    let guests: Vec<_> = (0..GUESTS)
        .map(|number| {
            let mut stream = connect(address);
            stream
                .write_all(format!("guest{number}\r\n").as_bytes())
                .unwrap();
            stream
        })
        .collect();
    thread::scope(|scope| {
        for mut guest in guests {
            let speech = &speech;
            scope.spawn(move || {
                // Until the guest is thrown out, or read no more.
                guest
                    .set_write_timeout(Some(Duration::from_secs(2)))
                    .unwrap();
                while guest.write_all(speech.as_bytes()).is_ok() {}
            });
        }
    });
    // 64 MiB for all of them, and room for what a program needs anyway.
    assert!(
        program.peak_memory() < 112 * 1024 * 1024,
        "{}",
        program.peak_memory()
    );
    program.stop();
}
