//! The ports of programs on standard input and output, and the programs for Twisted: they say the
//! same, line by line, in a pipe.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;

use crate::porting::both;

/// A program that is spoken to by its standard input.
struct Conversation {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Conversation {
    fn with(mut program: Command) -> Self {
        program.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = program.spawn().unwrap();
        Conversation {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    fn say(&mut self, text: &str) {
        self.input
            .as_mut()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    #[track_caller]
    fn hears(&mut self, wanted: &str) {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), wanted);
    }

    /// The program ends, having said this last.
    #[track_caller]
    fn ends(mut self, rest: &str) {
        let mut found = String::new();
        self.output.read_to_string(&mut found).unwrap();
        assert_eq!(found, rest);
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_parrot() {
    for parrot in both("parrot", &[]) {
        let mut parrot = Conversation::with(parrot);
        parrot.say("pretty poll\nwho is");
        parrot.hears("? pretty poll! pretty poll!");
        parrot.say(" there\n");
        parrot.hears("? who is there! who is there!");
        parrot.input = None;
        parrot.ends("? ");
    }
}

#[test]
fn errands() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("tcp:{}", server.local_addr().unwrap());
    thread::spawn(move || {
        while let Ok((mut client, _)) = server.accept() {
            client
                .write_all(b"220 at your service too\r\nand more\r\n")
                .unwrap();
        }
    });
    let nothing = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for errands in both("errands", &[]) {
        let mut errands = Conversation::with(errands);
        errands.hears("at your service");
        errands.say("help\nfly\n");
        errands.hears("ask ENDPOINT, help, quit");
        errands.hears("no such errand: fly");
        errands.say(&format!("ask {place}\n"));
        errands.hears("it says: 220 at your service too");
        errands.say(&format!("ask tcp:{nothing}\n"));
        errands.hears("there is no answer");
        errands.say("quit\nhelp\n");
        errands.ends("goodbye\n");
    }
}
