//! Cases that need a process of their own: this program runs again, with one of its ignored tests.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Set for a test that has been started by another one.
const STARTED: &str = "RETWIST_TEST_CHILD";
const PATIENCE: Duration = Duration::from_secs(60);

/// What an ignored test does, if it was started by another one. What the test program itself prints
/// comes before the line `BEGIN`.
pub fn role(play: impl FnOnce()) {
    if env::var_os(STARTED).is_some() {
        // Behind what the test program prints.
        println!("\nBEGIN");
        play();
    }
}

/// A process that runs one ignored test. What it says on standard error in lines that begin with
/// `told: ` is its story. Dropped before it ends, it is killed.
pub struct Child {
    child: std::process::Child,
    output: Option<BufReader<ChildStdout>>,
    errors: Receiver<String>,
    told: Vec<String>,
    /// Dropped with this, which ends the thread that would kill a process that hangs.
    _watch: Sender<()>,
}

impl Child {
    pub fn start(test: &str, input: Stdio, output: Stdio) -> Self {
        let mut command = Command::new("env");
        // The tests may run in the background of a script: there a shell has SIGINT ignored.
        command.arg("--default-signal=INT,TERM,HUP,QUIT");
        command.arg(env::current_exe().unwrap());
        command.args([
            "--exact",
            test,
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ]);
        command.env(STARTED, "1").env("RUST_BACKTRACE", "0");
        command.stdin(input).stdout(output).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, errors) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let (watch, over) = channel();
        let pid = Pid::from_child(&child);
        thread::spawn(move || {
            if over.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                eprintln!("the process hangs, and is killed");
                let _ = kill_process(pid, Signal::KILL);
            }
        });
        let mut output = child.stdout.take().map(BufReader::new);
        if let Some(output) = &mut output {
            let mut line = String::new();
            while line != "BEGIN\n" {
                line.clear();
                assert!(output.read_line(&mut line).unwrap() > 0, "it has not begun");
            }
        }
        Child {
            child,
            output,
            errors,
            told: Vec::new(),
            _watch: watch,
        }
    }

    pub fn input(&mut self) -> &mut ChildStdin {
        self.child.stdin.as_mut().unwrap()
    }

    pub fn close_input(&mut self) {
        self.child.stdin = None;
    }

    pub fn close_output(&mut self) {
        self.output = None;
    }

    /// The next bytes on its standard output are these.
    #[track_caller]
    pub fn expect(&mut self, wanted: &str) {
        self.input_flushed();
        let mut found = vec![0; wanted.len()];
        self.output
            .as_mut()
            .unwrap()
            .read_exact(&mut found)
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&found), wanted);
    }

    fn input_flushed(&mut self) {
        if let Some(input) = &mut self.child.stdin {
            input.flush().unwrap();
        }
    }

    /// Its standard output ends here, while it runs or with it.
    #[track_caller]
    pub fn expect_end(&mut self) {
        let mut rest = String::new();
        self.output
            .as_mut()
            .unwrap()
            .read_to_string(&mut rest)
            .unwrap();
        assert_eq!(rest, "");
    }

    /// Waits until it says this on standard error.
    #[track_caller]
    pub fn until(&mut self, wanted: &str) {
        loop {
            match self.next_line() {
                Some(line) if line == wanted => return,
                Some(_) => {}
                None => panic!("it has ended and never said {wanted:?}"),
            }
        }
    }

    #[track_caller]
    fn next_line(&mut self) -> Option<String> {
        match self.errors.recv_timeout(PATIENCE) {
            Ok(line) => {
                if let Some(told) = line.strip_prefix("told: ") {
                    self.told.push(told.to_owned());
                }
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("it says nothing"),
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end, which is a good one, and returns what it has told.
    #[track_caller]
    pub fn story(&mut self) -> String {
        let status = self.end();
        assert!(status.success(), "{status}, after {:?}", self.told);
        self.told.join(" ")
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(&mut self) -> std::process::ExitStatus {
        while self.next_line().is_some() {}
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "it does not end");
            thread::yield_now();
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
