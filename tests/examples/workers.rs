//! Servers that are several workers.

use std::io::{Read, Write};
use std::net::TcpListener;
#[cfg(target_os = "linux")]
use std::process::Command;

#[cfg(target_os = "linux")]
use crate::program::example;
use crate::program::{
    Program, connect, fill, pattern, read_all, run, there_and_back, wait_for_input,
};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

/// Those whose connections have nothing in common.
const SEVERAL: [&str; 8] = [
    "discard", "echo", "forward", "frames", "ftp", "http", "socks", "tls_echo",
];

#[test]
fn who_can_be_several_says_so() {
    for name in SEVERAL {
        let help = String::from_utf8(run(name, &["--help"]).stdout).unwrap();
        assert!(help.contains("[--workers N]"), "{name}: {help}");
        assert!(help.contains("\n--workers N "), "{name}: {help}");
        assert!(help.contains("auto: one for each core"), "{name}: {help}");
    }
    for name in ["chat", "smtp", "websocket"] {
        let help = String::from_utf8(run(name, &["--help"]).stdout).unwrap();
        assert!(!help.contains("--workers"), "{name}: {help}");
        assert_eq!(run(name, &[LOCAL, "--workers", "2"]).status.code(), Some(2));
    }
}

#[test]
fn several_listen_on_one_port_say_so_once_and_end_at_a_signal() {
    for name in SEVERAL {
        let arguments = match name {
            "forward" => &[LOCAL, "tcp:127.0.0.1:1", "--workers", "3"],
            _ => &[LOCAL, LOCAL, "--workers", "3"][..],
        };
        let (program, _) = Program::serve(name, arguments);
        if name != "forward" {
            program.listening();
        }
        // They, and the one that waits for them.
        assert_eq!(program.threads(), 4, "{name}");
        program.signal("TERM");
        assert_eq!(program.rest(), [""; 0], "{name}");
        assert_eq!(program.exit_code(), Some(0), "{name}");
    }
}

/// The program is bound to one core, and to all that this test may use.
#[cfg(target_os = "linux")]
#[test]
fn auto_is_one_for_each_core_that_the_program_may_use() {
    let cores = std::thread::available_parallelism().unwrap().get();
    let (program, address) = Program::serve("echo", &[LOCAL, "--workers", "auto"]);
    // They, and the one that waits for them.
    let threads = if cores == 1 { 1 } else { cores + 1 };
    assert_eq!(program.threads(), threads);
    assert_eq!(there_and_back(&mut connect(address), b"hello"), b"hello");
    program.stop();

    let mut bound = Command::new("taskset");
    bound.args(["-c", &a_core()]);
    bound.arg(example("echo").get_program());
    bound.args([LOCAL, "--workers", "auto"]);
    let program = Program::run(bound);
    let address = program.listening();
    assert_eq!(program.threads(), 1);
    assert_eq!(there_and_back(&mut connect(address), b"hello"), b"hello");
    program.stop();
}

/// The number of a core that this test may use.
#[cfg(target_os = "linux")]
fn a_core() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mut lines = status.lines();
    let list = lines.find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    let list = list.unwrap().trim();
    let first = list.split(|letter: char| !letter.is_ascii_digit()).next();
    first.unwrap().to_owned()
}

#[test]
fn one_is_a_plain_reactor() {
    for arguments in [&[LOCAL][..], &[LOCAL, "--workers", "1"]] {
        let (program, address) = Program::serve("echo", arguments);
        assert_eq!(program.threads(), 1);
        assert_eq!(there_and_back(&mut connect(address), b"hello"), b"hello");
        program.stop();
    }
}

#[test]
fn numbers_that_make_no_sense_are_one_sentence_and_exit_2() {
    for (number, says) in [
        ("0", "there can be 1 to 1024 workers"),
        ("1025", "there can be 1 to 1024 workers"),
        ("two", "--workers: cannot parse argument \"two\""),
        ("-1", "--workers: cannot parse argument \"-1\""),
        ("", "--workers: cannot parse argument \"\""),
        ("Auto", "--workers: cannot parse argument \"Auto\""),
    ] {
        for name in SEVERAL {
            let output = run(name, &[LOCAL, "--workers", number]);
            let text = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{name} {number}: {text}");
            assert!(text.starts_with(&format!("{name}: ")), "{text}");
            assert!(text.contains(says), "{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
            assert!(output.stdout.is_empty(), "{name} {number}");
        }
    }
    let output = run("tls_echo", &["--connect", "tcp:a:1", "--workers", "2"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_port_that_is_taken_exits_2_even_if_it_is_shared() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (program, shared) = Program::serve("echo", &[LOCAL, "--workers", "2"]);
    for port in [taken.local_addr().unwrap().port(), shared.port()] {
        let endpoint = format!("tcp:{port}:interface=127.0.0.1");
        let output = run("echo", &[&endpoint, "--workers", "2"]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("another program listens there"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(output.stdout.is_empty());
    }
    program.stop();
}

#[test]
fn many_connections_get_their_bytes_back() {
    let (program, address) = Program::serve("echo", &[LOCAL, "--workers", "2"]);
    let mut streams: Vec<_> = (0..200).map(|_| connect(address)).collect();
    for (number, stream) in streams.iter_mut().enumerate() {
        stream
            .write_all(format!("number {number:03}").as_bytes())
            .unwrap();
    }
    for (number, stream) in streams.iter_mut().enumerate() {
        let mut back = [0; 10];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, format!("number {number:03}").as_bytes());
    }
    let data = pattern(1024 * 1024);
    assert!(there_and_back(&mut streams[0], &data) == data);
    program.stop();
}

#[test]
fn what_was_taken_is_sent_back_before_the_end() {
    let (program, address) = Program::serve("echo", &[LOCAL, "--workers", "2"]);
    let data = pattern(64 * 1024 * 1024);
    // Six connections: each worker has some of them.
    let mut streams: Vec<_> = (0..6).map(|_| connect(address)).collect();
    let sent: Vec<_> = streams
        .iter_mut()
        .map(|stream| fill(stream, &data))
        .collect();
    for stream in &streams {
        // Something has been taken by now, if not all that was sent.
        wait_for_input(stream);
    }
    program.signal("TERM");
    for (stream, sent) in streams.iter_mut().zip(sent) {
        let back = read_all(stream);
        assert!(sent < data.len() && !back.is_empty() && back.len() <= sent);
        assert!(back == data[..back.len()]);
    }
    assert_eq!(program.exit_code(), Some(0));
}
