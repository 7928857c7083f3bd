//! An example that runs, with what it prints and what it logs.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::program::{PATIENCE, send_signal};

pub(crate) struct Started {
    /// The first process; those that it has started anew are its descendants.
    first: Child,
    pid: u32,
    said: Receiver<String>,
    logged: Receiver<String>,
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

impl Started {
    pub(crate) fn new(mut command: Command) -> Started {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut first = command.stderr(Stdio::piped()).spawn().expect("it starts");
        Started {
            pid: first.id(),
            said: lines(first.stdout.take().expect("its output is piped")),
            logged: lines(first.stderr.take().expect("its log is piped")),
            first,
        }
    }

    /// The process that serves now.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The next line that it prints.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        match self.said.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(_) => panic!("it said no more; its log: {:#?}", self.rest_of_log()),
        }
    }

    fn rest_of_log(&self) -> Vec<String> {
        self.logged.try_iter().collect()
    }

    /// The next address that it says it listens on.
    #[track_caller]
    pub(crate) fn address(&self) -> SocketAddr {
        let line = self.line();
        let place = line.strip_prefix("listening on ").expect("a place");
        place.parse().expect("an address")
    }

    /// Waits for a line of the log with this in it.
    #[track_caller]
    pub(crate) fn logs(&self, part: &str) {
        let mut others = Vec::new();
        loop {
            match self.logged.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(part) => return,
                Ok(line) => others.push(line),
                Err(_) => panic!("{part:?} is not in its log: {others:#?}"),
            }
        }
    }

    /// The same, `None` if it ends before.
    pub(crate) fn logs_or_ends(&self, part: &str) -> Option<()> {
        loop {
            match self.logged.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(part) => return Some(()),
                Ok(line) => eprintln!("{line}"),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("{part:?} is not in its log"),
            }
        }
    }

    /// This process serves: the first one has only started it.
    pub(crate) fn follow(&mut self, pid: u32) {
        self.pid = pid;
    }

    pub(crate) fn signal(&self, name: &str) {
        send_signal(self.pid, name);
    }

    /// SIGUSR2: waits until its new version has taken over.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        self.begin_restart();
        self.complete_restart();
    }

    pub(crate) fn begin_restart(&self) {
        self.signal("USR2");
    }

    #[track_caller]
    pub(crate) fn complete_restart(&mut self) {
        self.logs("the new program is ready");
        let children = format!("/proc/{0}/task/{0}/children", self.pid);
        let children = fs::read_to_string(children).expect("it runs");
        self.pid = children.trim().parse().expect("one new process");
        self.logs("the new program has taken over");
    }

    /// The exit code of the first process, once it has ended.
    pub(crate) fn end(mut self) -> Option<i32> {
        self.wait()
    }

    fn wait(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.first.try_wait().expect("our child") {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it has not ended");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends it in order, and returns what it has logged since.
    pub(crate) fn stop(mut self) -> String {
        self.signal("TERM");
        if self.pid == self.first.id() {
            assert_eq!(self.wait(), Some(0));
        }
        // The end of the log is the end of the last process.
        let mut log = Vec::new();
        while let Ok(line) = self.logged.recv_timeout(PATIENCE) {
            log.push(line);
        }
        log.join("\n")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.pid != self.first.id() {
            // It may have ended by itself.
            let mut kill = Command::new("kill");
            let _ = kill.args(["-KILL", &self.pid.to_string()]).output();
        }
        let _ = self.first.kill();
        let _ = self.first.wait();
    }
}
