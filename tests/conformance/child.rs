//! Cases that need a process of their own: this program runs again, with one of its ignored tests.

use std::env;
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};

/// Set for a test that has been started by another one.
const STARTED: &str = "RETWIST_TEST_CHILD";

/// Whether this process was started so. In others, the ignored tests do nothing.
pub fn is_child() -> bool {
    env::var_os(STARTED).is_some()
}

/// What begins a command whose process ignores no signal. The tests may run in the background of a
/// script: there a shell has SIGINT ignored, by all that they start, too.
fn heeding_signals() -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=INT,TERM");
    command
}

/// A process that runs one test, and what it prints. Dropped before it ends, it is killed.
pub struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Runs the ignored test of this name.
    pub fn start(test: &str) -> Self {
        let mut program = heeding_signals();
        program.arg(env::current_exe().unwrap());
        Process::run(program, test)
    }

    /// The same, in a process that ignores this signal, as a shell has it.
    pub fn start_ignoring(signal: &str, test: &str) -> Self {
        let mut shell = heeding_signals();
        let script = format!("trap '' {signal}; exec \"$0\" \"$@\"");
        shell.args(["sh", "-c", &script]);
        shell.arg(env::current_exe().unwrap());
        Process::run(shell, test)
    }

    /// The same, in a process without the privileges of the administrator, to which some bounds of the
    /// system do not hold.
    pub fn start_unprivileged(test: &str) -> Self {
        let mut program = heeding_signals();
        if geteuid().is_root() {
            program.args(["setpriv", "--bounding-set=-all", "--inh-caps=-all"]);
        }
        program.arg(env::current_exe().unwrap());
        Process::run(program, test)
    }

    fn run(mut program: Command, test: &str) -> Self {
        let mut child = program
            .args([
                "--exact",
                test,
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(STARTED, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Process { child, lines }
    }

    /// The rest of the line that begins with `word`, once it is printed.
    #[track_caller]
    pub fn says(&mut self, word: &str) -> String {
        let rest = self.lines.by_ref().find_map(|line| {
            let line = line.unwrap();
            line.strip_prefix(word).map(|rest| rest.trim().to_owned())
        });
        rest.unwrap_or_else(|| panic!("the process has ended and never said {word:?}"))
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end.
    pub fn end(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing to kill if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
