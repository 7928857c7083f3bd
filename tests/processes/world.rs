//! A protocol that writes down what it hears, and a reactor to run it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use retwist::{
    ProcessExit, ProcessProtocol, ProcessTransport, Program, Reactor, ReactorSettings, Reason,
};

/// What a process protocol has heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Made,
    Lost(i32),
    Exited(ProcessExit),
    ShuttingDown,
    Ended(ProcessExit),
}

/// What came from a descriptor.
type Piece = (i32, Vec<u8>);

/// What [`Recorder`] has heard, for the test.
#[derive(Clone, Default)]
pub struct Record {
    events: Rc<RefCell<Vec<Event>>>,
    data: Rc<RefCell<Vec<Piece>>>,
    reasons: Rc<RefCell<Vec<(i32, Reason)>>>,
}

type Act = Box<dyn FnMut(&ProcessTransport, &Event)>;

/// Writes down what it hears, and does what the test wants at each event.
pub struct Recorder {
    record: Record,
    act: Act,
}

impl Record {
    pub fn recorder(&self) -> Recorder {
        self.acting(|_, _| ())
    }

    pub fn acting(&self, act: impl FnMut(&ProcessTransport, &Event) + 'static) -> Recorder {
        Recorder {
            record: self.clone(),
            act: Box::new(act),
        }
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.borrow().clone()
    }

    pub fn has(&self, event: &Event) -> bool {
        self.events.borrow().contains(event)
    }

    /// All that has come from this descriptor.
    pub fn from(&self, descriptor: i32) -> Vec<u8> {
        let data = self.data.borrow();
        let pieces = data.iter().filter(|(number, _)| *number == descriptor);
        pieces.flat_map(|(_, data)| data.clone()).collect()
    }

    pub fn text(&self, descriptor: i32) -> String {
        String::from_utf8(self.from(descriptor)).unwrap()
    }

    pub fn reason(&self, descriptor: i32) -> Option<Reason> {
        let reasons = self.reasons.borrow();
        let found = reasons.iter().find(|(number, _)| *number == descriptor);
        found.map(|(_, reason)| reason.clone())
    }

    pub fn ended(&self) -> Option<ProcessExit> {
        self.events.borrow().iter().find_map(|event| match event {
            Event::Ended(exit) => Some(*exit),
            _ => None,
        })
    }

    pub fn exited(&self) -> Option<ProcessExit> {
        self.events.borrow().iter().find_map(|event| match event {
            Event::Exited(exit) => Some(*exit),
            _ => None,
        })
    }
}

impl Recorder {
    fn note(&mut self, process: &ProcessTransport, event: Event) {
        self.record.events.borrow_mut().push(event.clone());
        (self.act)(process, &event);
    }
}

impl ProcessProtocol for Recorder {
    fn connection_made(&mut self, process: &ProcessTransport) {
        self.note(process, Event::Made);
    }

    fn child_data_received(&mut self, _: &ProcessTransport, descriptor: i32, data: &[u8]) {
        let mut all = self.record.data.borrow_mut();
        all.push((descriptor, data.to_vec()));
    }

    fn child_connection_lost(
        &mut self,
        process: &ProcessTransport,
        descriptor: i32,
        reason: &Reason,
    ) {
        let reason = (descriptor, reason.clone());
        self.record.reasons.borrow_mut().push(reason);
        self.note(process, Event::Lost(descriptor));
    }

    fn process_exited(&mut self, process: &ProcessTransport, exit: &ProcessExit) {
        self.note(process, Event::Exited(*exit));
    }

    fn shutting_down(&mut self, process: &ProcessTransport) {
        self.note(process, Event::ShuttingDown);
        process.lose_connection();
    }

    fn process_ended(&mut self, exit: &ProcessExit) {
        self.record.events.borrow_mut().push(Event::Ended(*exit));
    }
}

pub fn reactor() -> Reactor {
    Reactor::with_settings(ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    })
    .unwrap()
}

/// Makes passes until it is so.
#[track_caller]
pub fn until(reactor: &Reactor, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "nothing has come of it in a minute"
        );
        reactor.iterate(Duration::from_millis(100)).unwrap();
    }
}

pub fn sh(script: &str) -> Program {
    Program::new("sh").arg("-c").arg(script)
}

/// Runs the program until it has ended, with what `act` does at each event.
#[track_caller]
pub fn run(program: Program, act: impl FnMut(&ProcessTransport, &Event) + 'static) -> Record {
    let (reactor, record) = (reactor(), Record::default());
    reactor.spawn_process(program, record.acting(act)).unwrap();
    until(&reactor, || record.ended().is_some());
    record
}

/// Whether this process has a child of that number, dead or alive.
pub fn is_child(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let mut fields = stat.rsplit(')').next().unwrap_or("").split_whitespace();
    fields.nth(1) == Some(std::process::id().to_string().as_str())
}

/// How many children this process has, dead or alive.
pub fn children() -> usize {
    let entries = std::fs::read_dir("/proc").unwrap();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names
        .filter_map(|name| name.parse().ok())
        .filter(|pid| is_child(*pid))
        .count()
}

pub fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Runs the ignored test of this name in a process of its own, and returns the line that it prints
/// behind a `>`.
#[track_caller]
pub fn again(test: &str) -> String {
    let program = std::env::current_exe().unwrap();
    let output = std::process::Command::new(program)
        .args([
            "--exact",
            test,
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix('>'));
    match line {
        Some(line) => line.to_owned(),
        None => panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)),
    }
}
