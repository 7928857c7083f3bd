//! The example `stdio`, beside the server `echo`, as a shell would use it.

use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

use rustix::fs::{Mode, OFlags, fcntl_getfl, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use retwist::{
    ProcessExit, ProcessProtocol, ProcessTransport, Reactor, ReactorHandle, Signal, WindowSize,
};

use crate::program::{PATIENCE, Program, example};

/// The example as a client of this server.
fn client(server: &str) -> Command {
    let mut command = example("stdio");
    command.arg(server);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn echo() -> (Program, String) {
    let (program, address) = Program::serve("echo", &["tcp:0:interface=127.0.0.1"]);
    (program, format!("tcp:{address}"))
}

/// What it printed, after it has ended with this code.
#[track_caller]
fn ended(child: Child, code: i32) -> (String, String) {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    (out, err)
}

#[test]
fn in_a_pipe() {
    let (_echo, server) = echo();
    let mut child = client(&server).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a\n").unwrap();
    assert_eq!(ended(child, 0), ("a\n".to_owned(), String::new()));
}

#[test]
fn with_a_file_and_much_of_it() {
    let (_echo, server) = echo();
    let path = std::env::temp_dir().join(format!("stdio-{}", std::process::id()));
    let content = "a line of text\n".repeat(200_000);
    std::fs::write(&path, &content).unwrap();
    let child = client(&server)
        .stdin(File::open(&path).unwrap())
        .spawn()
        .unwrap();
    let (out, _) = ended(child, 0);
    std::fs::remove_file(&path).unwrap();
    assert!(out == content, "{} bytes of {}", out.len(), content.len());
}

#[test]
fn a_server_that_closes_ends_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("tcp:{}", listener.local_addr().unwrap());
    // Its input stays open.
    let mut child = client(&server).stdin(Stdio::piped()).spawn().unwrap();
    let (mut connection, _) = listener.accept().unwrap();
    connection.write_all(b"goodbye\n").unwrap();
    drop(connection);
    let input = child.stdin.take();
    assert_eq!(ended(child, 0).0, "goodbye\n");
    drop(input);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk() {
    let (_echo, server) = echo();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut child = client(&server)
        .stdin(Stdio::piped())
        .stdout(full)
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"a\n").unwrap();
    let (_, err) = ended(child, 1);
    assert!(err.contains("No space left"), "{err}");
}

#[test]
fn a_reader_that_has_gone() {
    let (_echo, server) = echo();
    let mut child = client(&server).stdin(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    // As in `yes | stdio | head -1`.
    while input.write_all(b"y\n").is_ok() {}
    let (_, err) = ended(child, 1);
    assert!(err.contains("Broken pipe"), "{err}");
}

#[test]
fn a_server_that_is_not_there() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let child = client(&format!("tcp:{free}")).spawn().unwrap();
    let (_, err) = ended(child, 1);
    assert!(err.contains("cannot connect"), "{err}");
}

#[test]
fn mistakes() {
    for (argument, wanted) in [("", "mistake"), ("udp:1", "no client"), ("tcp:x", "port")] {
        let child = client(argument).spawn().unwrap();
        let (_, err) = ended(child, 2);
        assert!(!err.is_empty(), "{argument:?}: {wanted}");
    }
    let child = example("stdio").stderr(Stdio::piped()).spawn().unwrap();
    let (_, err) = ended(child, 2);
    assert!(err.contains("say which server"), "{err}");
}

/// A user at a terminal, which is as it was when the program has ended.
#[test]
fn at_a_terminal() {
    let (_echo, server) = echo();
    let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&user).unwrap();
    unlockpt(&user).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal: OwnedFd =
        open(ptsname(&user, Vec::new()).unwrap(), flags, Mode::empty()).unwrap();
    let stdio = || Stdio::from(terminal.try_clone().unwrap());
    let child = client(&server)
        .stdin(stdio())
        .stdout(stdio())
        .spawn()
        .unwrap();
    let mut user = File::from(user);
    user.write_all(b"hello\n").unwrap();
    let mut shown = String::new();
    // The echo of the terminal, and the answer.
    while shown.matches("hello").count() < 2 {
        let mut buffer = [0; 1000];
        let count = user.read(&mut buffer).unwrap();
        shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    assert!(!fcntl_getfl(&terminal).unwrap().contains(OFlags::NONBLOCK));
    // Ctrl-D.
    user.write_all(&[4]).unwrap();
    ended(child, 0);
    assert!(!fcntl_getfl(&terminal).unwrap().contains(OFlags::NONBLOCK));
}

/// Closes the terminal of a program that has set it to raw mode.
struct HangsUp {
    reactor: ReactorHandle,
    exit: Rc<Cell<Option<ProcessExit>>>,
}

impl ProcessProtocol for HangsUp {
    fn connection_made(&mut self, process: &ProcessTransport) {
        process.write(b"a\n");
    }

    fn out_received(&mut self, process: &ProcessTransport, data: &[u8]) {
        // In raw mode, the answer has no carriage return.
        if data.ends_with(b"a\n") {
            process.lose_connection();
        }
    }

    fn process_ended(&mut self, exit: &ProcessExit) {
        self.exit.set(Some(*exit));
        self.reactor.stop();
    }
}

/// The end of input comes with the signal, and the terminal is given back meanwhile.
#[test]
fn a_terminal_that_hangs_up_ends_a_program_in_raw_mode() {
    for _ in 0..5 {
        let reactor = Reactor::new().unwrap();
        let exit = Rc::new(Cell::new(None));
        let hangs_up = HangsUp {
            reactor: reactor.handle(),
            exit: exit.clone(),
        };
        let program = retwist::Program::new(example("echo").get_program()).arg("stdio:raw=yes");
        let program = program.terminal(WindowSize::default());
        let process = reactor.spawn_process(program, hangs_up).unwrap();
        reactor.call_later(PATIENCE, move || process.kill().unwrap());
        reactor.run().unwrap();
        let signal = exit.get().and_then(ProcessExit::signal);
        assert_eq!(signal, Some(Signal::HUP), "{:?}", exit.get());
    }
}
