//! A server that is restarted: the process that serves now, and what all of its generations say.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process, setrlimit};

/// How long anything here may take, on a busy machine too, before a test calls it hung.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What the servers log: not each connection.
const LOG: &str = "warn,retwist_reactor=info,retwist_tls=info";

pub struct Service {
    /// The first of them; the others are its descendants.
    first: Child,
    pid: u32,
    address: Option<SocketAddr>,
    said: Receiver<String>,
    logged: Receiver<String>,
}

/// Raises the limit of open files, for this process and the servers that it starts.
fn descriptors_as_many_as_allowed() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("a limit that is allowed");
}

/// An example as `cargo test` has built it, beside the tests.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let target = test.ancestors().nth(2).expect("target/*/deps");
    let path = target.join("examples").join(name);
    assert!(
        path.exists(),
        "{} is not built: `cargo build --examples` builds it",
        path.display()
    );
    path
}

/// An empty folder for one test.
pub fn scratch(name: &str) -> PathBuf {
    let folder = format!("retwist-restart-{name}-{}", std::process::id());
    let folder = std::env::temp_dir().join(folder);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    folder
}

pub fn said(part: &str) -> impl Fn(&str) -> bool + '_ {
    move |line| line.contains(part)
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    lines
}

impl Service {
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        Service::start_at(&example(name), arguments)
    }

    /// Starts the program at this path.
    pub fn start_at(path: &Path, arguments: &[&str]) -> Self {
        Service::start_in(path, arguments, &[])
    }

    /// Starts it with these variables in its environment.
    pub fn start_in(path: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        descriptors_as_many_as_allowed();
        let mut command = Command::new("env");
        command.args(["--default-signal=INT,TERM"]).arg(path);
        command.args(arguments);
        if !arguments.contains(&"--drain") {
            command.args(["--drain", "600"]);
        }
        command
            .env("RUST_LOG", LOG)
            .envs(environment.iter().copied());
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut first = command.spawn().expect("the example starts");
        let mut service = Service {
            pid: first.id(),
            address: None,
            said: lines(first.stdout.take().unwrap()),
            logged: lines(first.stderr.take().unwrap()),
            first,
        };
        service.listens();
        service
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn address(&self) -> SocketAddr {
        self.address.expect("a port of IP")
    }

    /// Hears where it listens: of the first of the ports that it, or its next version, has not told yet.
    pub fn listens(&mut self) {
        let line = next(&self.said, said("listening on "));
        self.address = line.trim_start_matches("listening on ").parse().ok();
    }

    /// The next line of the log of which this is true.
    #[track_caller]
    pub fn logs(&self, wanted: impl Fn(&str) -> bool) -> String {
        next(&self.logged, wanted)
    }

    pub fn signal(&self, signal: Signal) {
        signal_to(self.pid, signal);
    }

    /// Asks for a restart, and waits until the new one has taken over.
    pub fn restart(&mut self) {
        self.signal(Signal::USR2);
        self.logs(said("restarting: "));
        self.logs(said("the new program is ready"));
        let successor = self.successor();
        self.logs(said("the new program has taken over"));
        self.takes_over(successor);
    }

    /// This process serves from now on, as soon as it says so.
    pub fn takes_over(&mut self, pid: u32) {
        self.logs(said("and this one serves"));
        self.pid = pid;
    }

    /// The process that the one that serves now has started.
    pub fn successor(&self) -> u32 {
        let began = Instant::now();
        loop {
            let mut children = children(self.pid).into_iter();
            if let Some(child) = children.find(|child| is_successor(*child, self.pid)) {
                return child;
            }
            assert!(began.elapsed() < PATIENCE, "no new process");
            thread::yield_now();
        }
    }

    /// The one that this process has started serves now.
    pub fn become_successor_of(&mut self, pid: u32) {
        self.pid = pid;
        self.pid = self.successor();
    }

    /// Waits until it is so.
    #[track_caller]
    pub fn until(&self, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < PATIENCE, "it never comes to that");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends it, in order.
    pub fn stop(self) {
        self.signal(Signal::TERM);
        wait_for_end(self.pid);
    }

    /// The same. Returns what all of its generations have logged since the last line that was waited for.
    pub fn stop_and_hear(self) -> Vec<String> {
        self.signal(Signal::TERM);
        wait_for_end(self.pid);
        // Each of them has ended, and so does the log.
        let mut heard = Vec::new();
        loop {
            match self.logged.recv_timeout(PATIENCE) {
                Ok(line) => heard.push(line),
                Err(RecvTimeoutError::Disconnected) => return heard,
                Err(RecvTimeoutError::Timeout) => panic!("one of them goes on: {heard:#?}"),
            }
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if is_alive(self.pid) {
            signal_to(self.pid, Signal::KILL);
        }
        let _ = self.first.kill();
        let _ = self.first.wait();
    }
}

#[track_caller]
fn next(lines: &Receiver<String>, wanted: impl Fn(&str) -> bool) -> String {
    let mut others = Vec::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) if wanted(&line) => return line,
            Ok(line) => others.push(line),
            Err(RecvTimeoutError::Timeout) => panic!("it never said that, but {others:#?}"),
            Err(RecvTimeoutError::Disconnected) => panic!("it has ended and said {others:#?}"),
        }
    }
}

pub fn signal_to(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    // It may have ended just now.
    let _ = kill_process(pid, signal);
}

/// Those of all threads: the system lists each with the thread that has started it.
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let tasks = tasks.into_iter().flatten().map_while(Result::ok);
    let told = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    let told: Vec<_> = told.collect();
    told.iter()
        .flat_map(|children| children.split_whitespace())
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// Whether a child of this program is its next version: the program may have others.
fn is_successor(child: u32, parent: u32) -> bool {
    let environment = fs::read(format!("/proc/{child}/environ")).unwrap_or_default();
    let wanted = format!("LISTEN_PPID={parent}");
    let mut variables = environment.split(|byte| *byte == 0);
    is_alive(child) && variables.any(|variable| variable == wanted.as_bytes())
}

/// Whether the process runs: it may have ended, and wait for its parent to notice.
pub fn is_alive(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

pub fn wait_for_end(pid: u32) {
    let began = Instant::now();
    while is_alive(pid) {
        assert!(began.elapsed() < PATIENCE, "process {pid} has not ended");
        thread::sleep(Duration::from_millis(2));
    }
}
