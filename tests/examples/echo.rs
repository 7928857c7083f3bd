use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::process::Command;
use std::thread;

use crate::program::{Program, connect, has, pattern, read_all};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

#[test]
fn three_mebibytes_come_back_and_then_the_end() {
    let (program, address) = Program::serve("echo", &[LOCAL]);
    let mut stream = connect(address);
    let data = pattern(3 * 1024 * 1024);
    let writer = {
        let (mut stream, data) = (stream.try_clone().unwrap(), data.clone());
        thread::spawn(move || {
            stream.write_all(&data).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        })
    };
    assert!(read_all(&mut stream) == data);
    writer.join().unwrap();
    program.stop();
}

#[test]
fn three_mebibytes_for_a_client_in_python() {
    if !has("python3") {
        return;
    }
    let (program, address) = Program::serve("echo", &[LOCAL]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/echo.py");
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
    stream.set_nonblocking(true).unwrap();
    // As much as it takes of somebody who does not read.
    let mut sent = 0;
    let mut patience = 20;
    while patience > 0 {
        match stream.write(&data[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                patience -= 1;
                thread::sleep(std::time::Duration::from_millis(10));
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(sent < data.len(), "it is read without end");
    assert!(program.peak_memory() < 16 * 1024 * 1024);
    program.signal("TERM");
    stream.set_nonblocking(false).unwrap();
    let back = read_all(&mut stream);
    assert!(back.len() >= 64 * 1024 && back.len() <= sent);
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
