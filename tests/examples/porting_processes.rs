//! The ports of programs that run other programs, and the programs for Twisted: they do the same.

use std::io::Write;

use crate::porting::both;
use crate::program::{Program, connect, read_all};

#[test]
fn a_terminal_for_each_client() {
    let script = "read word; tty > /dev/null && echo got $word";
    for terminal in both(
        "terminal",
        &["tcp:0:interface=127.0.0.1", "/bin/sh", "-c", script],
    ) {
        let terminal = Program::run(terminal);
        let mut stream = connect(terminal.listening());
        stream.write_all(b"hello\n").unwrap();
        let text = String::from_utf8(read_all(&mut stream)).unwrap();
        assert_eq!(text, "hello\r\ngot hello\r\n");
        terminal.stop();
    }
}

#[test]
fn a_counter() {
    for counter in both("counter", &[]) {
        let counter = Program::run(counter);
        let lines = [
            "made",
            "words: 15",
            "ended: 0",
            "true, false: 0 1",
            "quote: a quote",
        ];
        assert_eq!(counter.rest(), lines);
        assert_eq!(counter.exit_code(), Some(0));
    }
}
