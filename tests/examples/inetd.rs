//! `inetd`: any program behind any endpoint.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::program::{
    PATIENCE, Program, breaks_off, connect, has, is_reset, pattern, read_all, run, there_and_back,
};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

fn serve(arguments: &[&str]) -> (Program, SocketAddr) {
    Program::serve("inetd", &[&[LOCAL], arguments].concat())
}

#[test]
fn a_program_is_the_server() {
    let (program, address) = serve(&["cat"]);
    let data = pattern(3 * 1024 * 1024);
    assert!(there_and_back(&mut connect(address), &data) == data);
    program.stop();
}

#[test]
fn half_close_is_passed_on() {
    let (program, address) = serve(&["sort"]);
    let mut stream = connect(address);
    stream.write_all(b"b\na\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut stream), b"a\nb\n");
    program.stop();
}

#[test]
fn all_output_is_delivered_before_the_end() {
    let (program, address) = serve(&["sh", "-c", "yes | head -c 3000000; exit 3"]);
    assert_eq!(read_all(&mut connect(address)).len(), 3_000_000);
    program.stop();
}

#[test]
fn the_end_by_a_signal_does_not_look_complete() {
    let (program, address) = serve(&["sh", "-c", "read line; kill -9 $$"]);
    let mut stream = connect(address);
    stream.write_all(b"go\n").unwrap();
    assert!(is_reset(&mut stream));
    program.stop();
}

#[test]
fn the_program_knows_the_client() {
    let (program, address) = serve(&["sh", "-c", "echo $REMOTE_ADDR $REMOTE_PORT"]);
    let mut stream = connect(address);
    let own = stream.local_addr().unwrap();
    let said = String::from_utf8(read_all(&mut stream)).unwrap();
    assert_eq!(said, format!("{} {}\n", own.ip(), own.port()));
    program.stop();
}

#[test]
fn a_client_that_breaks_off_ends_the_program() {
    for script in [
        "echo $$; exec sleep 1000",
        "trap '' TERM; echo $$; exec sleep 1000",
    ] {
        let (program, address) = serve(&["--kill-after", "0.05", "sh", "-c", script]);
        let mut stream = connect(address);
        let mut number = String::new();
        while !number.ends_with('\n') {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            number.push(byte[0].into());
        }
        // A client that only closes may have more to read.
        let reset = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        reset.unwrap();
        drop(stream);
        let path = format!("/proc/{}", number.trim());
        let began = Instant::now();
        while std::path::Path::new(&path).exists() {
            assert!(began.elapsed() < PATIENCE, "{script}: it still runs");
            std::thread::sleep(Duration::from_millis(10));
        }
        program.stop();
    }
}

#[test]
fn there_is_a_limit() {
    let (program, address) = serve(&["--limit", "2", "cat"]);
    let mut streams = [connect(address), connect(address)];
    for stream in &mut streams {
        stream.write_all(b"x").unwrap();
        stream.read_exact(&mut [0]).unwrap();
    }
    assert_eq!(connect(address).read(&mut [0]).unwrap_or(0), 0);
    program.stop();
}

#[test]
fn a_program_that_cannot_be_started_breaks_the_connection() {
    let (program, address) = serve(&["/no/such/program"]);
    assert!(breaks_off(address));
    program.stop();
}

#[test]
fn the_end_of_the_server_ends_the_programs() {
    let (program, address) = serve(&["cat"]);
    let mut stream = connect(address);
    stream.write_all(b"x").unwrap();
    stream.read_exact(&mut [0]).unwrap();
    program.stop();
}

#[test]
fn its_arguments() {
    let output = run("inetd", &["--help"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("\nUsage: inetd ") && output.status.success(),
        "{text}"
    );
    for (arguments, why) in [
        (&[][..], "where to listen is missing"),
        (&["tcp:0"], "the program to run is missing"),
        (&["tcp:x", "cat"], "is not a port"),
        (
            &["--stderr", "file", "tcp:0", "cat"],
            "there is no \"file\"",
        ),
        (&["--limit", "few", "tcp:0", "cat"], "cannot parse argument"),
    ] {
        let output = run("inetd", arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(why) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn to_socat() {
    if !has("socat") {
        return;
    }
    let path = std::env::temp_dir().join(format!("retwist-inetd-{}", std::process::id()));
    let listen = format!("unix:{}", path.display());
    let program = Program::start("inetd", &[&listen, "tr", "a-z", "A-Z"]);
    assert_eq!(program.line(), format!("listening on {}", path.display()));
    let script = format!(
        "printf hello | socat -t 60 - UNIX-CONNECT:{}",
        path.display()
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(output.stdout, b"HELLO");
    program.stop();
}
