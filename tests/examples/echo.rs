use std::io::{Read, Write};
use std::process::Command;

use crate::program::{
    Program, connect, fill, has, pattern, read_all, there_and_back, wait_for_input,
};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

#[test]
fn three_mebibytes_come_back_and_then_the_end() {
    let (program, address) = Program::serve("echo", &[LOCAL]);
    let mut stream = connect(address);
    let data = pattern(3 * 1024 * 1024);
    assert!(there_and_back(&mut stream, &data) == data);
    program.stop();
}

#[test]
fn three_mebibytes_for_a_client_in_python() {
    if !has("python3") {
        return;
    }
    let (program, address) = Program::serve("echo", &[LOCAL]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/interop/echo.py");
    let port = address.port().to_string();
    let status = Command::new("python3")
        .args([script, "127.0.0.1", &port])
        .status();
    assert!(status.unwrap().success());
    program.stop();
}

#[test]
fn what_was_taken_is_sent_back_before_the_end() {
    let (program, address) = Program::serve("echo", &[LOCAL]);
    let mut stream = connect(address);
    let data = pattern(64 * 1024 * 1024);
    let sent = fill(&mut stream, &data);
    assert!(sent < data.len(), "it is read without end");
    assert!(program.peak_memory() < 16 * 1024 * 1024);
    // Something has been taken by now, if not all that was sent.
    wait_for_input(&stream);
    program.signal("TERM");
    let back = read_all(&mut stream);
    assert!(!back.is_empty() && back.len() <= sent);
    assert!(back == data[..back.len()]);
    assert_eq!(program.exit_code(), Some(0));
}

#[test]
fn it_takes_no_more_when_it_has_been_told_to_stop() {
    let (program, address) = Program::serve("echo", &[LOCAL]);
    let mut stream = connect(address);
    stream.write_all(b"one").unwrap();
    let mut back = [0; 3];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"one");
    program.signal("INT");
    assert_eq!(read_all(&mut stream), b"");
    assert_eq!(program.exit_code(), Some(0));
}
