//! Examples as services: with sockets of `systemd-socket-activate`, of a shell, or of no one; and what
//! they tell the service manager.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::program::{PATIENCE, Program, connect_soon, example, has, there_and_back};

const ACTIVATE: &str = "systemd-socket-activate";

/// A port that was free just now.
fn free_port() -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap()
}

/// An example, started by the first connection to one of the sockets.
fn activated(sockets: &[&str], names: Option<&str>, name: &str, arguments: &[&str]) -> Program {
    let mut command = Command::new(ACTIVATE);
    for socket in sockets {
        command.args(["--listen", socket]);
    }
    if let Some(names) = names {
        command.arg(format!("--fdname={names}"));
    }
    command.arg(example(name).get_program()).args(arguments);
    Program::run(command)
}

#[test]
fn a_server_on_a_socket_of_systemd() {
    if !has(ACTIVATE) {
        return;
    }
    for arguments in [
        &["systemd:domain=INET:index=0"][..],
        &["systemd:name=web"],
        &["timeout:idle=60:systemd:INET:0"],
        &["fd:3:domain=INET"],
        &["systemd:index=0", "--workers", "2"],
    ] {
        let address = free_port();
        let program = activated(&[&address.to_string()], Some("web"), "echo", arguments);
        // The connection that starts the program is its first.
        let mut first = connect_soon(address);
        assert_eq!(there_and_back(&mut first, b"hello"), b"hello");
        assert_eq!(program.listening(), address, "{arguments:?}");
        let mut second = connect_soon(address);
        assert_eq!(there_and_back(&mut second, b"again"), b"again");
        program.stop();
    }
}

#[test]
fn a_server_on_several_sockets_of_systemd() {
    if !has(ACTIVATE) {
        return;
    }
    let folder = Folder::new("several");
    let (path, address) = (folder.path("socket"), free_port());
    let path = path.to_str().unwrap();
    let endpoints = ["systemd:domain=UNIX:index=1", "systemd:domain=INET:index=0"];
    let program = activated(&[&address.to_string(), path], None, "echo", &endpoints);
    let mut first = connect_soon(address);
    assert_eq!(there_and_back(&mut first, b"hello"), b"hello");
    assert_eq!(program.place(), path);
    assert_eq!(program.listening(), address);
    let mut second = UnixStream::connect(path).unwrap();
    second.write_all(b"hello").unwrap();
    second.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello");
    program.stop();
}

/// A program that is started with a socket at this number, by a shell.
fn with_socket_at(number: u8, environment: &str, arguments: &str) -> Command {
    let program = example("echo");
    let program = program.get_program().to_str().unwrap();
    let mut command = Command::new("sh");
    let script = format!("exec {number}<&0; export {environment}; exec {program} {arguments}");
    command.args(["-c", &script]);
    command
}

fn run(mut command: Command, input: Stdio) -> Output {
    command.stdin(input).stdout(Stdio::piped());
    let child = command.stderr(Stdio::piped()).spawn().unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn a_program_that_was_passed_something_else_says_what() {
    let mine = "LISTEN_PID=$$";
    let null = || Stdio::from(std::fs::File::open("/dev/null").unwrap());
    let datagrams = || {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        Stdio::from(std::os::fd::OwnedFd::from(socket))
    };
    let listens = || {
        Stdio::from(std::os::fd::OwnedFd::from(
            TcpListener::bind("127.0.0.1:0").unwrap(),
        ))
    };
    let one = format!("LISTEN_FDS=1 {mine}");
    for (input, environment, arguments, said) in [
        (null(), "A=1", "systemd:index=0", "LISTEN_FDS is not set"),
        (
            listens(),
            "LISTEN_FDS=1 LISTEN_PID=1",
            "systemd:index=0",
            "are for the process 1 ",
        ),
        (
            listens(),
            "LISTEN_FDS=1",
            "systemd:index=0",
            "LISTEN_PID is \"\"",
        ),
        (
            listens(),
            &format!("LISTEN_FDS=x {mine}"),
            "systemd:index=0",
            "LISTEN_FDS is \"x\"",
        ),
        (
            listens(),
            &format!("LISTEN_FDS=3 {mine}"),
            "systemd:index=0",
            "the descriptor 4 is",
        ),
        (
            listens(),
            &one,
            "systemd:index=1",
            "no socket with index 1: 1 were passed",
        ),
        (
            listens(),
            &one,
            "systemd:name=web",
            "name \"web\" was passed, but unknown",
        ),
        (
            listens(),
            &one,
            "systemd:domain=UNIX:index=0",
            "of another address family than UNIX",
        ),
        (
            null(),
            &one,
            "systemd:index=0",
            "the descriptor is not a socket",
        ),
        (
            datagrams(),
            &one,
            "systemd:index=0",
            "the socket is of another type",
        ),
        (
            listens(),
            &one,
            "systemd:0",
            "the index or the name is missing",
        ),
        (listens(), &one, "systemd:0:index=0", "INET, INET6 or UNIX"),
        (null(), "A=1", "fd:3", "the descriptor is not a socket"),
        (null(), "A=1", "fd:700", "the descriptor 700 is not open"),
    ] {
        let output = run(with_socket_at(3, environment, arguments), input);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(said), "{environment} {arguments}: {text}");
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

#[test]
fn the_port_of_a_shell_may_be_given_twice_over_and_no_child_inherits_it() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let command = with_socket_at(5, "A=1", "fd:5");
    let mut command = {
        let mut outer = Command::new("env");
        outer.arg("--default-signal=INT,TERM");
        outer.arg(command.get_program()).args(command.get_args());
        outer
    };
    command.stdin(Stdio::from(std::os::fd::OwnedFd::from(socket)));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(there_and_back(&mut client, b"hello"), b"hello");
    // Its own descriptor of the socket is closed on exec, and the number 5 no longer names it.
    let folder = format!("/proc/{}", child.id());
    let socket_of = |number: &str| std::fs::read_link(format!("{folder}/fd/{number}"));
    let standard = socket_of("0").unwrap();
    for entry in std::fs::read_dir(format!("{folder}/fd")).unwrap() {
        let number = entry.unwrap().file_name().into_string().unwrap();
        if number == "0" || socket_of(&number).ok().as_ref() != Some(&standard) {
            continue;
        }
        let told = std::fs::read_to_string(format!("{folder}/fdinfo/{number}")).unwrap();
        let flags = told.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = u32::from_str_radix(flags.unwrap().trim(), 8).unwrap();
        assert!(flags & 0o2000000 != 0, "{number}: {told}");
    }
    crate::program::send_signal(child.id(), "TERM");
    assert!(child.wait().unwrap().success());
}

/// A folder of a test, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let name = format!("retwist-services-{test}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A service manager, as far as it is told things.
struct Manager {
    socket: UnixDatagram,
    _folder: Folder,
    path: PathBuf,
}

impl Manager {
    fn new(test: &str) -> Manager {
        let folder = Folder::new(test);
        let path = folder.path("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager {
            socket,
            _folder: folder,
            path,
        }
    }

    fn hears(&self) -> String {
        let mut buffer = [0; 1000];
        let length = self.socket.recv(&mut buffer).expect("a notice");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    fn service(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = example(name);
        command.args(arguments).env("NOTIFY_SOCKET", &self.path);
        command
    }
}

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

#[test]
fn a_service_tells_when_it_is_ready_and_when_it_stops() {
    for (name, arguments) in [
        ("echo", &[LOCAL][..]),
        ("echo", &[LOCAL, "--workers", "3"]),
        ("chat", &[LOCAL]),
    ] {
        let manager = Manager::new("ready");
        let program = Program::run(manager.service(name, arguments));
        assert_eq!(manager.hears(), "READY=1");
        // It serves by then.
        let address = program.listening();
        TcpStream::connect(address).unwrap();
        program.signal("TERM");
        assert_eq!(manager.hears(), "STOPPING=1");
        assert_eq!(program.exit_code(), Some(0));
    }
}

#[test]
fn a_service_feeds_its_watchdog_as_long_as_its_loop_turns() {
    let manager = Manager::new("watchdog");
    let mut command = manager.service("echo", &[LOCAL]);
    command.env("WATCHDOG_USEC", "40000");
    let program = Program::run(command);
    let began = Instant::now();
    assert_eq!(manager.hears(), "READY=1");
    for _ in 0..5 {
        assert_eq!(manager.hears(), "WATCHDOG=1");
    }
    assert!(began.elapsed() >= Duration::from_millis(4 * 20));
    // Stopped, it is as one whose loop is stuck: the manager hears nothing of it.
    program.signal("STOP");
    let silence = Duration::from_millis(400);
    manager.socket.set_read_timeout(Some(silence)).unwrap();
    // What was on its way.
    while manager.socket.recv(&mut [0; 100]).is_ok() {}
    thread::sleep(Duration::from_millis(200));
    assert!(manager.socket.recv(&mut [0; 100]).is_err());
    program.signal("CONT");
    manager.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(manager.hears(), "WATCHDOG=1");
    program.stop();
}

#[test]
fn what_the_manager_has_set_wrongly_is_said() {
    let manager = Manager::new("wrong");
    let set = |name: &str, value: &str| {
        let mut command = manager.service("echo", &[LOCAL]);
        command.env(name, value);
        command
    };
    for (command, said) in [
        (
            set("NOTIFY_SOCKET", "run/notify"),
            "NOTIFY_SOCKET is \"run/notify\"",
        ),
        (set("WATCHDOG_USEC", "soon"), "WATCHDOG_USEC is \"soon\""),
    ] {
        let output = run(command, Stdio::null());
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(said), "{text}");
        assert_eq!(output.status.code(), Some(2));
    }
    // The watchdog of another process, and a manager that has gone, are no mistakes of the service.
    let mut command = set("WATCHDOG_USEC", "1000000");
    command.env("WATCHDOG_PID", "1");
    let program = Program::run(command);
    assert_eq!(manager.hears(), "READY=1");
    program.stop();
    assert_eq!(manager.hears(), "STOPPING=1");
    let program = Program::run(set("NOTIFY_SOCKET", "/nowhere/notify"));
    program.listening();
    program.stop();
    assert!(!Path::new("/nowhere").exists());
}
