use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::steady::steadily;

/// How long anything here may take, on a busy machine too, before a test calls it hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// An example that runs. It is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
}

/// An example as `cargo test` has built it, beside the tests.
pub(crate) fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("the path of this test");
    let path: PathBuf = test
        .ancestors()
        .nth(2)
        .expect("target/*/deps")
        .join("examples")
        .join(name);
    assert!(
        path.exists(),
        "{} is not built: `cargo test` builds it, and `cargo test --test` does not",
        path.display()
    );
    Command::new(path)
}

/// Runs an example that is to end by itself.
pub(crate) fn run(name: &str, arguments: &[&str]) -> Output {
    let mut command = example(name);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the example starts");
    wait(&mut child);
    child.wait_with_output().expect("the output of the example")
}

fn wait(child: &mut Child) -> std::process::ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("the example is our child") {
            return status;
        }
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            panic!("the example has not ended within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// The same command, in a process that ignores no signal. The tests may run in the background of a
/// script: there a shell has SIGINT ignored, by all that they start, too.
fn heeding_signals(command: &Command) -> Command {
    let mut heeding = Command::new("env");
    heeding
        .arg("--default-signal=INT,TERM")
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => heeding.env(name, value),
            None => heeding.env_remove(name),
        };
    }
    heeding
}

impl Program {
    /// Starts an example.
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Program {
        let mut command = example(name);
        command.args(arguments);
        Program::run(command)
    }

    /// Starts any program that keeps the contract of the examples.
    pub(crate) fn run(command: Command) -> Program {
        Program::with(command, Stdio::null())
    }

    /// Starts an example that reads its input.
    pub(crate) fn with_input(name: &str, arguments: &[&str]) -> (Program, ChildStdin) {
        let mut command = example(name);
        command.args(arguments);
        let mut program = Program::with(command, Stdio::piped());
        let input = program.child.stdin.take().expect("its input is piped");
        (program, input)
    }

    fn with(command: Command, input: Stdio) -> Program {
        let mut command = heeding_signals(&command);
        command.stdin(input).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the example starts");
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Program { child, lines }
    }

    /// Starts an example, and returns the address that it says it listens on.
    pub(crate) fn serve(name: &str, arguments: &[&str]) -> (Program, SocketAddr) {
        let program = Program::start(name, arguments);
        let address = program.listening();
        (program, address)
    }

    /// The next line that it prints.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    /// The next place that it says it listens on.
    pub(crate) fn place(&self) -> String {
        let line = self.line();
        let place = line.strip_prefix("listening on ");
        place
            .unwrap_or_else(|| panic!("another line: {line}"))
            .to_owned()
    }

    /// The next address that it says it listens on.
    pub(crate) fn listening(&self) -> SocketAddr {
        let place = self.place();
        place
            .parse()
            .unwrap_or_else(|_| panic!("no address: {place}"))
    }

    /// All that it still prints, to its end.
    pub(crate) fn rest(&self) -> Vec<String> {
        self.lines.iter().collect()
    }

    /// How many threads it has.
    pub(crate) fn threads(&self) -> usize {
        let tasks = format!("/proc/{}/task", self.child.id());
        std::fs::read_dir(tasks).expect("it runs").count()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        send_signal(self.child.id(), name);
    }

    /// Its exit code, once it has ended.
    pub(crate) fn exit_code(mut self) -> Option<i32> {
        wait(&mut self.child).code()
    }

    /// SIGTERM, which every example takes as the order to finish.
    pub(crate) fn stop(self) {
        self.signal("TERM");
        assert_eq!(self.exit_code(), Some(0));
    }

    /// The most memory that it has used so far, in bytes.
    pub(crate) fn peak_memory(&self) -> usize {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .expect("its peak");
        let kilobytes = line.trim().trim_end_matches("kB").trim();
        kilobytes.parse::<usize>().expect("a number") * 1024
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process that a test has started.
pub(crate) fn send_signal(process: u32, name: &str) {
    let kill = format!("kill -{name} {process}");
    let status = Command::new("sh").args(["-c", &kill]).status();
    assert!(status.expect("a shell").success());
}

/// A connection on which every call has a time limit.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("a connection");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a time limit");
    stream
        .set_write_timeout(Some(PATIENCE))
        .expect("a time limit");
    stream
}

/// A connection with a program that may not listen yet.
pub(crate) fn connect_soon(address: SocketAddr) -> TcpStream {
    let began = Instant::now();
    while TcpStream::connect_timeout(&address, PATIENCE).is_err() && began.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(10));
    }
    connect(address)
}

/// All that comes until the end of input, which must be an orderly one.
pub(crate) fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut data = Vec::new();
    stream.read_to_end(&mut data).expect("an orderly end");
    data
}

/// Whether a server breaks the connection off before it has sent anything. That may be so early that
/// the client does not even hear that it is connected.
pub(crate) fn breaks_off(address: SocketAddr) -> bool {
    match TcpStream::connect_timeout(&address, PATIENCE) {
        Ok(mut stream) => {
            let limit = stream.set_read_timeout(Some(PATIENCE));
            limit.expect("a time limit");
            stream.write_all(b"hello").is_err() || is_reset(&mut stream)
        }
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

/// Whether the connection breaks before anything is received.
pub(crate) fn is_reset(stream: &mut TcpStream) -> bool {
    let received = stream.read_exact(&mut [0]);
    received.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset)
}

/// Sends `data` and then the end of input, and returns all that comes back. Reads while it sends.
pub(crate) fn there_and_back(stream: &mut TcpStream, data: &[u8]) -> Vec<u8> {
    let mut sending = stream.try_clone().expect("a second handle");
    thread::scope(|scope| {
        scope.spawn(move || {
            sending.write_all(data).expect("all of it is taken");
            sending.shutdown(Shutdown::Write).expect("an end of input");
        });
        read_all(stream)
    })
}

/// Waits until something has come. It stays unread.
pub(crate) fn wait_for_input(stream: &TcpStream) {
    let count = steadily(|| stream.peek(&mut [0])).expect("a connection that works");
    assert_eq!(count, 1, "the input has ended");
}

/// Writes until nothing more is taken for a while, and returns how much was.
pub(crate) fn fill(stream: &mut TcpStream, data: &[u8]) -> usize {
    let limit = |stream: &TcpStream, time| stream.set_write_timeout(Some(time));
    limit(stream, Duration::from_millis(300)).expect("a time limit");
    let mut sent = 0;
    while sent < data.len() {
        match steadily(|| stream.write(&data[sent..])) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    limit(stream, PATIENCE).expect("a time limit");
    sent
}

/// Bytes of which no two stretches are alike, so that a loss, a doubling or a wrong order shows.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Whether a program from outside the project is there. In CI all of them have to be.
pub(crate) fn has(tool: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {tool}")])
        .stdout(Stdio::null())
        .status();
    let found = found.is_ok_and(|status| status.success());
    assert!(
        found || std::env::var_os("CI").is_none(),
        "{tool} is not installed: tests/interop/install.sh installs it"
    );
    if !found {
        eprintln!(
            "{tool} is not installed, so this test is skipped: tests/interop/install.sh installs it"
        );
    }
    found
}
